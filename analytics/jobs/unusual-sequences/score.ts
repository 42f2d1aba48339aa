import { groupAlike as byKind } from "../../findings/work.ts";
import { SequenceModel } from "../../score/sequence-model.ts";
import { decades } from "../../score/rate.ts";
import { falseDiscoveryRates, quantileSorted } from "../../score/stats.ts";
import { actsAfterUntrusted, TaintModel, type Step } from "../../score/taint.ts";

/** The calls of one task (or session, or burst) in order. */
export interface Sequence {
  className: string;
  steps: readonly Step[];
}

/** What tasks of each class usually do. */
export class BehaviourModel {
  readonly sequence = new SequenceModel();
  readonly taint = new TaintModel();

  add({ className, steps }: Sequence, count = 1): void {
    this.sequence.add(className, tokensOf(steps), count);
    this.taint.add(className, steps, count);
  }

  /** Scores a sequence that the model was built with as if it had not been. */
  scoreWithout(sequence: Sequence): SequenceScore {
    this.add(sequence, -1);
    const score = scoreSequence(this, sequence);
    this.add(sequence, 1);
    return score;
  }
}

/**
 * The classes of which only a share is learnt from, so that all make at most `calls` together: a class that has less than
 * its part leaves the rest of it to the others. A model that saw some thousand tasks of a class learns little from more.
 */
export function classShares(classes: readonly { class: string; calls: number }[], calls: number): { class: string; share: number }[] {
  const ascending = classes.toSorted((a, b) => a.calls - b.calls);
  let left = calls;
  return ascending.flatMap(({ class: name, calls: made }, i) => {
    const part = left / (ascending.length - i);
    left -= Math.min(made, part);
    return made <= part ? [] : [{ class: name, share: part / made }];
  });
}

export interface SequenceScore {
  total: number;
  /** Bits at each call. */
  surprisals: number[];
  max: number;
  perCall: number;
  /** Position of the call that made it unusual: the act after an untrusted read where there is one that counts most. */
  worst: number;
  /** Bits of surprise at that act's coming after an untrusted read at all; 0 where it isn't one. */
  taintBits: number;
}

export const tokensOf = (steps: readonly Step[]): string[] => steps.map((s) => s.token);

/** Improbable reads matter little beside an improbable act after an untrusted read; without one they are all there is. */
const anyCallWeight = 0.25;

/** Scores one sequence. On the development runs an act's own surprise together with that of acting at all after an
 * untrusted read finds hijacked tasks (AUC .96) where the highest surprise alone does not (.84). */
export function scoreSequence(model: BehaviourModel, { className, steps }: Sequence): SequenceScore {
  const surprisals = model.sequence.surprisals(className, tokensOf(steps));
  const max = Math.max(0, ...surprisals);
  const out: SequenceScore = {
    total: anyCallWeight * max,
    surprisals,
    max,
    perCall: surprisals.reduce((sum, bits) => sum + bits, 0) / Math.max(1, surprisals.length),
    worst: surprisals.indexOf(max),
    taintBits: 0,
  };
  let highest = 0;
  for (const at of actsAfterUntrusted(steps)) {
    const taintBits = model.taint.bits(className, steps[at]!.token);
    const bits = surprisals[at]! + taintBits;
    if (bits <= highest) continue;
    highest = bits;
    out.total = anyCallWeight * max + bits;
    // A mundane act must not hide a call that is far more improbable than itself.
    if (bits >= max) [out.worst, out.taintBits] = [at, taintBits];
  }
  return out;
}

export interface SequenceThresholds {
  /** Sequences of history below which nothing is said, and below which a finding is a ticket at most. */
  minSequences: number;
  warmSequences: number;
  /** Sequences of its own that a class must have; what a class does cannot be unusual for one that is new. */
  minClassSequences: number;
  /** The worst call must surprise by at least this many bits, with what its coming after an untrusted read adds. */
  minBits: number;
  fdr: number;
}

/**
 * The chance that an ordinary sequence scores so high. Within what was seen it is a share of the past scores; beyond, the
 * tail is taken to fall exponentially, as it must for a surprise measured in bits under a true model.
 */
export class ScoreTail {
  readonly #sorted: Float64Array;
  readonly #from: number;
  readonly #meanExcess: number;

  constructor(past: readonly number[]) {
    this.#sorted = Float64Array.from(past).sort();
    this.#from = quantileSorted(this.#sorted, 0.9);
    const excesses = past.filter((s) => s > this.#from).map((s) => s - this.#from);
    const mean = excesses.reduce((sum, x) => sum + x, 0) / Math.max(1, excesses.length);
    // A bit halves a probability, so no honest tail of bits is steeper than 1/ln 2; few excesses can look as if it were.
    this.#meanExcess = Math.max(mean, Math.LOG2E);
  }

  p(score: number): number {
    if (score > this.#from) return 0.1 * Math.exp(-(score - this.#from) / this.#meanExcess);
    const atLeast = this.#sorted.length - this.#sorted.findIndex((s) => s >= score);
    return Math.min(1, Math.max(0.1, atLeast / this.#sorted.length));
  }

  get high(): number {
    return quantileSorted(this.#sorted, 0.99);
  }
}

export interface Unusual<T extends Sequence> {
  sequence: T;
  score: SequenceScore;
  p: number;
  q: number;
  /** Evidence in powers of ten. */
  decades: number;
}

/** Which of the sequences are unusual, given the model's scores of the past ones. */
export function findUnusual<T extends Sequence>(model: BehaviourModel, sequences: readonly T[], tail: ScoreTail, limits: SequenceThresholds): Unusual<T>[] {
  const known = sequences.filter((s) => model.taint.sequencesOf(s.className) >= limits.minClassSequences);
  const scored = known.map((sequence) => {
    const score = scoreSequence(model, sequence);
    return { sequence, score, p: tail.p(score.total) };
  });
  const qs = falseDiscoveryRates(scored.map((s) => s.p));
  return scored
    .map((s, i) => ({ ...s, q: qs[i]!, decades: decades(s.p) }))
    .filter((s) => s.q <= limits.fdr && s.score.surprisals[s.score.worst]! + s.score.taintBits >= limits.minBits)
    .sort((a, b) => b.decades - a.decades);
}

/**
 * One finding for each kind of surprise: where several sequences of a class were led to the same call (a message that all
 * of them read, a tool that all of them try), the strongest speaks for them and `alike` counts the others.
 */
export function groupAlike<T extends Sequence>(found: readonly Unusual<T>[]): (Unusual<T> & { alike: number })[] {
  return byKind(found, (u) => `${u.sequence.className}\n${u.sequence.steps[u.score.worst]!.token}`);
}

/** The transition in words: what came before, what came now, what usually comes. */
export function describeTransition(model: BehaviourModel, { className, steps }: Sequence, at: number): string {
  const tokens = tokensOf(steps);
  const name = (token: string): string => token.replace(/\/([^/]*)$/, " ($1)");
  const before = at === 0 ? "As its first call" : `After ${name(tokens[at - 1]!)}`;
  const seen = model.sequence.timesSeen(className, tokens[at]!);
  const rarity = seen === 0 ? "which this class has never called" : `which this class has called ${seen} times, not usually here`;
  const usual = model.sequence.usually(className, tokens, at).slice(0, 3);
  const instead = usual.length === 0 ? "nothing is known to follow" : usual.map((u) => `${name(u.next)} ${Math.round(u.share * 100)}%`).join(", ");
  return `${before} it called ${name(tokens[at]!)}, ${rarity}. Usually there: ${instead}.`;
}
