import { groupAlike as byKind } from "../../findings/work.ts";
import { ArgumentModel } from "../../score/argument-model.ts";
import { LevelModel } from "../../score/level-model.ts";
import { SequenceModel, start } from "../../score/sequence-model.ts";
import { decades } from "../../score/rate.ts";
import { falseDiscoveryRates, quantileSorted } from "../../score/stats.ts";
import { actsAfterUntrusted, TaintModel, type Step } from "../../score/taint.ts";
import type { TransitionRow } from "../../sequences/model.ts";

/** The calls of one task (or session, or burst) in order. */
export interface Sequence {
  className: string;
  steps: readonly Step[];
  /** The values of results were followed into the arguments of later calls, as the proxy does. */
  followed?: boolean;
}

const actCount = "acts after an untrusted read";
/** Acts of one task are counted up to so many. */
export const mostActs = 64;

/** What tasks of each class usually do. */
export class BehaviourModel {
  readonly sequence = new SequenceModel();
  readonly taint = new TaintModel();
  readonly arguments = new ArgumentModel();
  readonly acts = new LevelModel();

  add({ className, steps }: Sequence, count = 1): void {
    this.sequence.add(className, steps, count);
    this.taint.add(className, steps, count);
    this.arguments.add(className, steps, count);
    this.acts.add(className, actCount, Math.min(mostActs, actsAfterUntrusted(steps).length), count);
  }

  /** Scores a sequence that the model was built with as if it had not been. */
  scoreWithout(sequence: Sequence): SequenceScore {
    return this.scoreAllWithout([sequence])[0]!;
  }

  /** The same of several, which are all taken out at once: as if nothing of their class were known, where they are all of it. */
  scoreAllWithout(sequences: readonly Sequence[]): SequenceScore[] {
    for (const one of sequences) this.add(one, -1);
    const scores = sequences.map((one) => scoreSequence(this, one));
    for (const one of sequences) this.add(one, 1);
    return scores;
  }
}

/** The model that stored counts make: each task begins once, so the beginnings are how many there were. */
export function behaviourOf(rows: Iterable<TransitionRow>): BehaviourModel {
  const model = new BehaviourModel();
  const actsOf = new Map<string, number[]>();
  for (const row of rows) {
    if (row.kind === "acts") {
      const reached = actsOf.get(row.class) ?? [];
      actsOf.set(row.class, reached);
      reached[Number(row.next)] = row.count;
      continue;
    }
    if (row.kind === "after_untrusted") model.taint.addCounts(row.class, 0, [[row.next, row.count]]);
    else model.sequence.addCount(row.class, row.context, row.next, row.count);
    if (row.kind === "transition" && row.context === start) model.taint.addCounts(row.class, row.count, []);
  }
  for (const className of model.taint.classes) addActs(model, className, actsOf.get(className) ?? []);
  return model;
}

/** `reached[n]`: so many tasks acted at least n times, which all of them did for n = 0. */
function addActs(model: BehaviourModel, className: string, reached: readonly number[]): void {
  const atLeast = (n: number): number => (n === 0 ? model.taint.sequencesOf(className) : (reached[n] ?? 0));
  for (let n = 0; n < Math.max(1, reached.length); n++) model.acts.add(className, actCount, n, Math.max(0, atLeast(n) - atLeast(n + 1)));
}

export interface SequenceScore {
  total: number;
  /** Bits at each call. */
  surprisals: number[];
  /** Bits that each call's coming after an untrusted read adds, where it acts. */
  afterUntrusted: number[];
  /** Bits that each call's arguments add. */
  fromArguments: number[];
  /** The total as it was after each call. */
  totals: number[];
  max: number;
  perCall: number;
  /** Position of the call that made it unusual: the act after an untrusted read where there is one that counts most. */
  worst: number;
  /** Bits of surprise at that act's coming after an untrusted read at all; 0 where it isn't one. */
  taintBits: number;
}

/** Improbable calls matter little beside an improbable act after an untrusted read; without one they are all there is. A
 * class that is new does new things. */
const anyCall = { known: 0.25, unknown: 0.05 };
/** A read with an argument out of an instruction can carry something out, and mostly only follows a link. */
const readFlow = 0.5;
/** What can't be taken back, as what was sent or paid, is what an agent is led astray for more often than what can: by a bit. */
const forGood = 1;
const isForGood = (token: string): boolean => token.endsWith("/destructive");

/**
 * Scores one sequence: what its worst call means, and how many acts there were. An act after an untrusted read counts by
 * how unusual it is for the class to act so, by its arguments' values, and by the text that they came out of.
 */
export function scoreSequence(model: BehaviourModel, { className, steps, followed = false }: Sequence): SequenceScore {
  const surprisals = model.sequence.surprisals(className, steps);
  const known = model.taint.knows(className);
  const max = Math.max(0, ...surprisals);
  const out: SequenceScore = {
    total: 0,
    surprisals,
    afterUntrusted: surprisals.map(() => 0),
    fromArguments: surprisals.map(() => 0),
    totals: [],
    max,
    perCall: surprisals.reduce((sum, bits) => sum + bits, 0) / Math.max(1, surprisals.length),
    worst: surprisals.indexOf(max),
    taintBits: 0,
  };
  const acts = new Set(actsAfterUntrusted(steps));
  const repeated = new Set<string>();
  let soFar = 0;
  let highest = 0;
  let acted = 0;
  surprisals.forEach((surprisal, at) => {
    const step = steps[at]!;
    soFar = Math.max(soFar, surprisal);
    const flows = model.arguments.flows(className, step, known);
    if (acts.has(at)) {
      acted++;
      const taintBits = (out.afterUntrusted[at] = model.taint.bits(className, step.token));
      out.fromArguments[at] = sum(flows) + model.arguments.novelty(className, step, { known, followed, repeated });
      const bits = taintBits + out.fromArguments[at]! + (isForGood(step.token) ? forGood : 0);
      // A mundane act must not hide a call that is far more improbable than itself.
      if (bits > highest && bits + surprisal >= max) [out.worst, out.taintBits] = [at, taintBits];
      highest = Math.max(highest, bits);
    } else if (flows.length > 0) {
      const bits = (out.fromArguments[at] = readFlow * Math.max(...flows));
      if (bits > highest && bits + surprisal >= max) [out.worst, out.taintBits] = [at, 0];
      highest = Math.max(highest, bits);
    }
    // A task that was led astray acts once more than it does by itself.
    const manyActs = model.acts.bits(className, actCount, Math.min(mostActs, acted), { prior: 1, known });
    out.totals.push((known ? anyCall.known : anyCall.unknown) * soFar + highest + manyActs);
  });
  out.total = out.totals.at(-1) ?? 0;
  return out;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

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
    .filter((s) => s.q <= limits.fdr && s.score.surprisals[s.score.worst]! + s.score.taintBits + s.score.fromArguments[s.score.worst]! >= limits.minBits)
    .sort((a, b) => b.decades - a.decades);
}

/**
 * One finding for each kind of surprise: where several sequences of a class were led to the same call (a message that all
 * of them read, a tool that all of them try), the strongest speaks for them and `alike` counts the others.
 */
export function groupAlike<T extends Sequence>(found: readonly Unusual<T>[]): (Unusual<T> & { alike: number })[] {
  return byKind(found, (u) => `${u.sequence.className}\n${u.sequence.steps[u.score.worst]!.token}`);
}
