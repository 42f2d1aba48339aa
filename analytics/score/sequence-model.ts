/** Contexts of at most this many calls. */
export const maxOrder = 3;
/** Stands before the first call, so that what a task begins with counts too. */
export const start = "^";

interface Successors {
  total: number;
  counts: Map<string, number>;
}

/** The last up to `order` tokens before position `at`, as one key. */
export function contextKey(tokens: readonly string[], at: number, order: number): string {
  const from = at - order;
  return from >= 0 ? tokens.slice(from, at).join("\n") : [start, ...tokens.slice(0, at)].join("\n");
}

/** Contexts of orders 0 to 3 at a position; at the start there are fewer, since nothing comes before the start. */
export function contextsAt(tokens: readonly string[], at: number): string[] {
  const orders = Math.min(maxOrder, at + 1);
  return Array.from({ length: orders + 1 }, (_, order) => contextKey(tokens, at, order));
}

class Counts {
  readonly #contexts = new Map<string, Successors>();

  /** A negative count takes back what was added before. */
  add(context: string, next: string, count: number): void {
    let successors = this.#contexts.get(context);
    if (successors === undefined) this.#contexts.set(context, (successors = { total: 0, counts: new Map() }));
    const sum = (successors.counts.get(next) ?? 0) + count;
    if (sum > 0) successors.counts.set(next, sum);
    else successors.counts.delete(next);
    successors.total += count;
  }

  get(context: string): Successors | undefined {
    return this.#contexts.get(context);
  }
}

/**
 * What usually follows what, per class of tasks: prediction by partial matching with Witten-Bell back-off. A class that
 * has not seen a context falls back on shorter ones, then on what every class together has seen, then on "any of the
 * known calls". The back-off weight is the number of different successors: a context that has always been followed by
 * the same call is trusted, one that was followed by something new each time is not.
 */
export class SequenceModel {
  readonly #classes = new Map<string, Counts>();
  readonly #all = new Counts();

  /** Adds one sequence of a class; -1 takes it out again, which is how a sequence is judged by the others alone. */
  add(className: string, tokens: readonly string[], count = 1): void {
    tokens.forEach((token, at) => {
      for (const context of contextsAt(tokens, at)) this.addCount(className, context, token, count);
    });
  }

  addCount(className: string, context: string, next: string, count: number): void {
    let counts = this.#classes.get(className);
    if (counts === undefined) this.#classes.set(className, (counts = new Counts()));
    counts.add(context, next, count);
    this.#all.add(context, next, count);
  }

  /** How often the class was seen to do this at all. */
  timesSeen(className: string, token: string): number {
    return this.#classes.get(className)?.get("")?.counts.get(token) ?? 0;
  }

  /** What the class usually does in this place, most frequent first: the longest context that was ever seen decides. */
  usually(className: string, tokens: readonly string[], at: number): { next: string; share: number }[] {
    for (const context of contextsAt(tokens, at).toReversed()) {
      const seen = this.#classes.get(className)?.get(context);
      if (seen === undefined || seen.total === 0) continue;
      return [...seen.counts]
        .map(([next, count]) => ({ next, share: count / seen.total }))
        .sort((a, b) => b.share - a.share || (a.next < b.next ? -1 : 1));
    }
    return [];
  }

  /** Bits of surprise at each call: 0 is certain, each bit halves the probability. */
  surprisals(className: string, tokens: readonly string[]): number[] {
    return tokens.map((token, at) => -Math.log2(this.#probability(className, contextsAt(tokens, at), token)));
  }

  #probability(className: string, contexts: readonly string[], token: string): number {
    const known = this.#all.get("")?.counts.size ?? 0;
    const anything = 1 / (known + 1);
    const overall = blend(this.#all, contexts, token, anything);
    const own = this.#classes.get(className);
    return own === undefined ? overall : blend(own, contexts, token, overall);
  }
}

/** Witten-Bell from the shortest context to the longest, each mixed into the one before. */
function blend(counts: Counts, contexts: readonly string[], token: string, fallback: number): number {
  let probability = fallback;
  for (const context of contexts) {
    const seen = counts.get(context);
    if (seen === undefined || seen.total === 0) break;
    const kinds = seen.counts.size;
    probability = ((seen.counts.get(token) ?? 0) + kinds * probability) / (seen.total + kinds);
  }
  return probability;
}
