import { decades, longestSpan, priorHits, priorTrials, RateMoments, rateSurprise, rateZ, sumOf, varianceOf, type Bucket } from "./rate.ts";
import { falseDiscoveryRates } from "./stats.ts";

/** One agent, tool or server: its buckets of five minutes up to the end of the window, as a job's series SQL returns them. */
export interface RateSeries {
  entityKind: "agent" | "tool" | "server";
  agent: string;
  server: string;
  tool: string;
  /** Before the newest `longestSpan`, oldest first, empty buckets left out. Empty where the newest bucket has no hit. */
  history: readonly Bucket[];
  /** The newest `longestSpan` buckets, the empty ones too. */
  newest: readonly Bucket[];
}

export interface SpikeThresholds {
  /** Floors on the excess over what was expected: in hits, in the rate's difference, and in the rate's ratio. */
  minExcess: number;
  minRateRise: number;
  minRatio: number;
  fdr: number;
  /** Buckets of history with calls, below which the baseline is called a cold start and a finding is a ticket at most. */
  warmBuckets: number;
  warmCalls: number;
  /** A history shorter than this says nothing at all. */
  minCalls: number;
}

export interface Spike<S extends RateSeries = RateSeries> {
  series: S;
  span: number;
  calls: number;
  hits: number;
  expected: number;
  expectedLow: number;
  expectedHigh: number;
  z: number;
  p: number;
  q: number;
  score: number;
  usualRate: number;
  historyCalls: number;
  historyBuckets: number;
  coldStart: boolean;
}

/** Spikes among everything that had calls in the newest bucket; all of it counts as tested. */
export function findSpikes<S extends RateSeries>(all: readonly S[], limits: SpikeThresholds): { spikes: Spike<S>[]; tested: number } {
  const tested = all.filter((s) => (s.newest.at(-1)?.total ?? 0) > 0);
  const judged = tested.map((series) => judge(series, limits));
  const qs = falseDiscoveryRates(judged.map((j) => j.p));
  const spikes = judged
    .map((spike, i) => ({ ...spike, q: qs[i]! }))
    .filter((s) => s.q <= limits.fdr && isLarge(s, limits) && s.historyCalls >= limits.minCalls);
  return { spikes: spikes.sort((a, b) => b.score - a.score), tested: tested.length };
}

function judge<S extends RateSeries>(series: S, limits: SpikeThresholds): Spike<S> {
  const moments = new RateMoments();
  for (const bucket of series.history) moments.add(bucket);
  const baseline = moments.baseline();
  const surprise = rateSurprise(series.newest, baseline);
  const buckets = series.newest.slice(-surprise.span);
  const { total: calls, hits } = sumOf(buckets);
  const usualRate = plainRate(series.history);
  const expected = calls * usualRate;
  const deviation = Math.sqrt(varianceOf(buckets, baseline));
  // Two spans were looked at.
  const p = Math.min(1, 2 * surprise.p);
  return {
    series,
    span: surprise.span,
    calls,
    hits,
    expected,
    expectedLow: Math.max(0, expected - 3 * deviation),
    expectedHigh: Math.min(calls, expected + 3 * deviation),
    z: rateZ(buckets, baseline),
    p,
    q: 1,
    score: decades(p),
    usualRate,
    historyCalls: baseline.trials,
    historyBuckets: series.history.length,
    coldStart: series.history.length < limits.warmBuckets || baseline.trials < limits.warmCalls,
  };
}

/** The rate that people are shown: every bucket as it was, so that plain SQL gives the same number. What is tested is a
 * baseline in which outliers are cut, hence at most this. */
function plainRate(history: readonly Bucket[]): number {
  const { total, hits } = sumOf(history);
  return (hits + priorHits) / (total + priorTrials);
}

function isLarge(s: Spike, limits: SpikeThresholds): boolean {
  const rate = s.hits / s.calls;
  return (
    s.hits - s.expected >= limits.minExcess &&
    rate - s.usualRate >= limits.minRateRise &&
    rate >= limits.minRatio * s.usualRate
  );
}

/** How a spike is attributed: the values that explain the excess, by dimension. */
export interface Explained {
  spike: Spike;
  contributors: readonly { dimension: string; value: string; excessShare: number }[];
}

/** A share of the excess from which a value is the explanation. */
const explains = 0.8;

/** From what everybody shares to the one that acts. */
const specificity = { server: 0, tool: 1, agent: 2 } as const;

export const nameOf = ({ entityKind, agent, server, tool }: Pick<RateSeries, "entityKind" | "agent" | "server" | "tool">): string =>
  entityKind === "agent" ? agent : entityKind === "tool" ? `${server}/${tool}` : server;

/**
 * One disturbance, one finding. A tool's spike that one agent makes is that agent's; an agent's spike that is one tool's
 * is the tool's where other agents meet it too; a tool's spike is its server's where other tools have it too. Where each
 * explains the other, the more specific one stays: the agent is the one that acts.
 */
export function dropExplained<T extends Explained>(found: readonly T[]): T[] {
  const explainedBy = ({ spike: { series }, contributors }: T, { spike: { series: by } }: T): boolean =>
    (series.entityKind === "tool" && by.entityKind === "server" && series.server === by.server) ||
    contributors.some((c) => c.excessShare >= explains && c.dimension === by.entityKind && c.value === nameOf(by));
  return found.filter(
    (a) =>
      !found.some((b) => {
        if (b === a || !explainedBy(a, b)) return false;
        return !explainedBy(b, a) || specificity[a.spike.series.entityKind] < specificity[b.spike.series.entityKind];
      }),
  );
}

/** The job's judgement of one bucket after another, without a database: evidence in powers of ten. */
export function createSpikeScorer(memoryBuckets = 4032, warm = 50): (bucket: Bucket) => number {
  const moments = new RateMoments(memoryBuckets);
  const newest: Bucket[] = [];
  let seen = 0;
  return (bucket) => {
    newest.push(bucket);
    if (newest.length > longestSpan) moments.add(newest.shift()!);
    return ++seen <= warm ? 0 : decades(rateSurprise(newest, moments.baseline()).p);
  };
}
