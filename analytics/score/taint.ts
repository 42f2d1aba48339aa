import type { Argument } from "./argument-model.ts";
import { commonRuns, RarityModel } from "./rarity.ts";

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
  /** What it was called with; absent where that is not read. */
  arguments?: readonly Argument[];
}

/**
 * The acting calls after an untrusted read, by their position; empty where nothing untrusted was read. The very call that
 * the task has made before, whether after the read or before it, says nothing about what it read: it is tried again.
 */
export function actsAfterUntrusted(steps: readonly Step[]): number[] {
  const first = steps.findIndex((s) => s.untrusted);
  if (first < 0) return [];
  const made = new Set<string>();
  return steps.flatMap((s, at) => {
    const call = s.acts ? madeWith(s) : undefined;
    const again = call !== undefined && made.has(call);
    if (call !== undefined) made.add(call);
    return at > first && s.acts && !again ? [at] : [];
  });
}

/** A call and all of its arguments, in whatever order; undefined where there are none, or none were read. */
function madeWith({ token, arguments: leaves = [] }: Step): string | undefined {
  return leaves.length === 0 ? undefined : [token, ...leaves.map(({ path, digest }) => `${path}\n${digest}`).sort()].join("\n");
}

const place = "";
/** A class with fewer runs than these is judged by what other classes do. */
export const minRuns = 2;
/** An act that its class doesn't do says much. A new class does new things, and which of them says next to nothing. */
const weight = { known: 2, unknown: 0.15 };

/**
 * How often a class of tasks acts in a certain way after it has read something that a third party wrote: the shape of a
 * task that was hijacked by what it read. Counted once a sequence. How much it means that a class never did it is learnt:
 * where every other task does something of its own, little.
 */
export class TaintModel {
  readonly #sequences = new Map<string, number>();
  readonly #acts = new RarityModel();
  #all = 0;

  add(className: string, steps: readonly Step[], count = 1): void {
    const tokens = [...new Set(actsAfterUntrusted(steps).map((at) => steps[at]!.token))];
    this.addCounts(className, count, tokens.map((token) => [token, count]));
  }

  /** `sequences` of the class were seen, so many of which did each of these after an untrusted read. */
  addCounts(className: string, sequences: number, acts: readonly (readonly [token: string, count: number])[]): void {
    this.#sequences.set(className, this.sequencesOf(className) + sequences);
    this.#all += sequences;
    for (const [token, count] of acts) this.#acts.add(className, place, token, count);
  }

  /** How many sequences were seen. */
  get sequences(): number {
    return this.#all;
  }

  get classes(): Iterable<string> {
    return this.#sequences.keys();
  }

  /** How many sequences of the class were seen. */
  sequencesOf(className: string): number {
    return this.#sequences.get(className) ?? 0;
  }

  /** Whether the class can be gone by. */
  knows(className: string): boolean {
    return this.sequencesOf(className) >= minRuns;
  }

  /** In how many of them `token` followed an untrusted read. */
  timesSeen(className: string, token: string): number {
    return this.#acts.timesSeen(className, place, token);
  }

  /** Bits of surprise that a task of this class calls `token` after an untrusted read, weighted. */
  bits(className: string, token: string): number {
    if (!this.knows(className)) return weight.unknown * this.#acts.bits(className, place, token, false);
    const seen = this.timesSeen(className, token);
    // How often a run of the class acts as none before it did, with what runs of any class do.
    const common = (this.#acts.broughtAlone(place) + 1) / (this.#all + 1);
    const chance = seen > 0 ? seen + commonRuns : this.#acts.broughtAlone(place, className) + commonRuns * common;
    return -weight.known * Math.log2(Math.min(1, chance / (this.sequencesOf(className) + commonRuns)));
  }
}
