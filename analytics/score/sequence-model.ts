/** Contexts of at most this many calls. */
export const maxOrder = 3;
/** Stands before the first call, so that what a task begins with counts too. */
export const start = "^";

interface Successors {
  total: number;
  counts: Map<string, number>;
}

/** One call of a sequence: `server/tool/effect`, and how it ended where that was not `ok`. */
export interface SequenceCall {
  readonly token: string;
  readonly outcome?: string;
}

/** A call as it stands in a context: `server/tool/effect`, with `!outcome` where it was not ok. */
export const marked = ({ token, outcome = "ok" }: SequenceCall): string => (outcome === "ok" ? token : `${token}!${outcome}`);

/** The last up to `order` calls before position `at`, as one key. */
function contextKey(calls: readonly SequenceCall[], at: number, order: number): string {
  const from = at - order;
  return from >= 0 ? calls.slice(from, at).map(marked).join("\n") : [start, ...calls.slice(0, at).map(marked)].join("\n");
}

/**
 * Contexts at a position, from the shortest: nothing, the call before however it ended, the call before as it ended where
 * that was not ok, the two and the three calls before. At the start there are fewer, since nothing comes before the start.
 */
export function contextsAt(calls: readonly SequenceCall[], at: number): string[] {
  const contexts = ["", at === 0 ? start : calls[at - 1]!.token];
  for (let order = 1; order <= Math.min(maxOrder, at + 1); order++) {
    const key = contextKey(calls, at, order);
    if (key !== contexts.at(-1)) contexts.push(key);
  }
  return contexts;
}

export interface Transition {
  context: string;
  next: string;
  /** How often `next` came after the context, of all the times that the class was there. */
  seen: number;
  of: number;
  /** What came instead, the most frequent first. */
  usually: readonly { next: string; count: number }[];
}

class Counts {
  readonly #contexts = new Map<string, Successors>();

  /** A negative count takes back what was added before, and no more than that: what is taken may not have been learnt. */
  add(context: string, next: string, count: number): void {
    let successors = this.#contexts.get(context);
    if (successors === undefined) this.#contexts.set(context, (successors = { total: 0, counts: new Map() }));
    const before = successors.counts.get(next) ?? 0;
    const sum = Math.max(0, before + count);
    if (sum > 0) successors.counts.set(next, sum);
    else successors.counts.delete(next);
    successors.total += sum - before;
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
  add(className: string, calls: readonly SequenceCall[], count = 1): void {
    calls.forEach(({ token }, at) => {
      for (const context of contextsAt(calls, at)) this.addCount(className, context, token, count);
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

  /** A call's transition as the class knows it: the longest context that it was ever seen in decides. */
  transitionAt(className: string, calls: readonly SequenceCall[], at: number): Transition {
    const next = calls[at]!.token;
    for (const context of contextsAt(calls, at).toReversed()) {
      const known = this.#classes.get(className)?.get(context);
      if (known === undefined || known.total === 0) continue;
      const usually = [...known.counts].map(([token, count]) => ({ next: token, count }));
      usually.sort((a, b) => b.count - a.count || (a.next < b.next ? -1 : 1));
      return { context, next, seen: known.counts.get(next) ?? 0, of: known.total, usually };
    }
    return { context: "", next, seen: 0, of: 0, usually: [] };
  }

  /** Bits of surprise at each call: 0 is certain, each bit halves the probability. */
  surprisals(className: string, calls: readonly SequenceCall[]): number[] {
    return calls.map(({ token }, at) => -Math.log2(this.#probability(className, contextsAt(calls, at), token)));
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
