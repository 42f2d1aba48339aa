/** One call as the sequence scorers see it. */
export interface Step {
  /** `server/tool/effect`. */
  token: string;
  /** It changes something or sends something out: anything but a read. */
  acts: boolean;
  /** A third party can write into what it returns. */
  untrusted: boolean;
  /** How it ended; `ok` where nothing is said. */
  outcome?: string;
}

/** The acting calls after an untrusted read, by their position; empty where nothing untrusted was read. */
export function actsAfterUntrusted(steps: readonly Step[]): number[] {
  const first = steps.findIndex((s) => s.untrusted);
  if (first < 0) return [];
  return steps.flatMap((s, at) => (at > first && s.acts ? [at] : []));
}

interface ClassActs {
  sequences: number;
  acts: Map<string, number>;
}

const none: ClassActs = { sequences: 0, acts: new Map() };

/**
 * How often a class of tasks acts in a certain way after it has read something that a third party wrote: the shape of a
 * task that was hijacked by what it read. Counted once a sequence. A class that never did it falls back on how often any
 * class does, with the weight of one sequence.
 */
export class TaintModel {
  readonly #classes = new Map<string, ClassActs>();
  readonly #all: ClassActs = { sequences: 0, acts: new Map() };

  add(className: string, steps: readonly Step[], count = 1): void {
    const tokens = [...new Set(actsAfterUntrusted(steps).map((at) => steps[at]!.token))];
    this.addCounts(className, count, tokens.map((token) => [token, count]));
  }

  /** `sequences` of the class were seen, so many of which did each of these after an untrusted read. */
  addCounts(className: string, sequences: number, acts: readonly (readonly [token: string, count: number])[]): void {
    let own = this.#classes.get(className);
    if (own === undefined) this.#classes.set(className, (own = { sequences: 0, acts: new Map() }));
    for (const counts of [own, this.#all]) {
      counts.sequences += sequences;
      for (const [token, count] of acts) counts.acts.set(token, (counts.acts.get(token) ?? 0) + count);
    }
  }

  /** How many sequences were seen. */
  get sequences(): number {
    return this.#all.sequences;
  }

  /** How many sequences of the class were seen. */
  sequencesOf(className: string): number {
    return this.#classes.get(className)?.sequences ?? 0;
  }

  /** In how many of them `token` followed an untrusted read. */
  timesSeen(className: string, token: string): number {
    return this.#classes.get(className)?.acts.get(token) ?? 0;
  }

  /** Bits of surprise that a task of this class calls `token` after an untrusted read. */
  bits(className: string, token: string): number {
    const overall = ((this.#all.acts.get(token) ?? 0) + 0.5) / (this.#all.sequences + 1);
    const own = this.#classes.get(className) ?? none;
    return -Math.log2(((own.acts.get(token) ?? 0) + overall) / (own.sequences + 1));
  }
}
