import type { Learnt } from "../../baseline/model.ts";
import { falseDiscoveryRates, normalTail } from "../../score/stats.ts";
import { highestOf, quantileShift, rankShift, selfCalibrated, shortAgainstLong, type SeriesScorer } from "../../score/series.ts";

/** Whose time it is: the upstream's, from forwarding to its answer, or the proxy's own, in which it works or queues. */
export const spenders = ["upstream", "proxy"] as const;
export type Spender = (typeof spenders)[number];

/** One tool's times in the recent window and before it, as latency-drift.sql compares them. In milliseconds. */
export interface Times {
  p50Ms: number;
  p90Ms: number;
  /** The middle 80% of the baseline's calls, and the middle one. */
  baseP10Ms: number;
  baseP50Ms: number;
  baseP90Ms: number;
  /** One-sided Mann-Whitney: the chance of ranks this high if nothing had moved. */
  rankP: number;
}

export interface LatencyComparison extends Readonly<Record<Spender, Times>> {
  entityKind: "tool" | "server";
  server: string;
  tool: string;
  recentCalls: number;
  baselineCalls: number;
  /** Five-minute steps of the baseline that had calls. */
  baselineSteps: number;
}

export interface LatencyThresholds {
  minRecentCalls: number;
  minBaselineCalls: number;
  /** Both must be passed: a tenfold 0.1 ms and a 5% rise of a minute are nobody's concern. */
  minRiseMs: number;
  minRatio: number;
  fdr: number;
}

export interface Drift {
  comparison: LatencyComparison;
  /** Whose time it is that was added, most of it where both were. */
  spender: Spender;
  /** The median moved, or only the slow end did. */
  moved: "p50" | "p90";
  p: number;
  q: number;
}

/**
 * Which comparisons are drifts: sure by rank over everything compared this time, and large enough to matter. The upstream's time and
 * the proxy's own are looked at apart, so that calls which queue here are not told as an upstream that is slow.
 */
export function findDrifts(comparisons: readonly LatencyComparison[], limits: LatencyThresholds): { drifts: Drift[]; tested: number } {
  const tested = comparisons.filter((c) => isComparable(c, limits));
  const byEntity = new Map<LatencyComparison, Drift>();
  for (const spender of spenders) {
    for (const drift of driftsOf(tested, spender, limits)) {
      const other = byEntity.get(drift.comparison);
      if (other === undefined || addedMs(drift) > addedMs(other)) byEntity.set(drift.comparison, drift);
    }
  }
  return { drifts: tested.flatMap((c) => byEntity.get(c) ?? []), tested: tested.length };
}

function driftsOf(tested: readonly LatencyComparison[], spender: Spender, limits: LatencyThresholds): Drift[] {
  const ps = tested.map((c) => driftP(c[spender].rankP));
  const qs = falseDiscoveryRates(ps);
  return tested.flatMap((comparison, i): Drift[] => {
    const moved = movedQuantile(comparison[spender], limits);
    return moved === undefined || qs[i]! > limits.fdr ? [] : [{ comparison, spender, moved, p: ps[i]!, q: qs[i]! }];
  });
}

/** What a time has now and had before, at the quantile that moved. */
export const nowAndBefore = (times: Times, moved: Drift["moved"]): [number, number] => (moved === "p50" ? [times.p50Ms, times.baseP50Ms] : [times.p90Ms, times.baseP90Ms]);

/** What was added to a time, at the quantile that moved. */
export function addedMs({ comparison, spender, moved }: Pick<Drift, "comparison" | "spender" | "moved">): number {
  const [now, before] = nowAndBefore(comparison[spender], moved);
  return Math.max(0, now - before);
}

const isComparable = (c: LatencyComparison, limits: LatencyThresholds): boolean =>
  c.recentCalls >= limits.minRecentCalls && c.baselineCalls >= limits.minBaselineCalls;

/** Latencies of neighbouring calls resemble each other, so ranks of n calls say less than ranks of n independent ones:
 * the test is read as if only every other call counted, which divides its z by the square root of two. */
function driftP(rankP: number): number {
  return normalTail(zOf(Math.max(rankP, smallestRankP)) / Math.SQRT2);
}

/** The engine takes a tail from 1, so what is below a double's rounding comes out as that or as 0. */
const smallestRankP = 1e-16;

/** The z of an upper tail probability, by bisection. */
function zOf(p: number): number {
  let low = -9;
  let high = 9;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalTail(middle) > p) low = middle;
    else high = middle;
  }
  return low;
}

function movedQuantile(c: Times, limits: LatencyThresholds): Drift["moved"] | undefined {
  const large = (now: number, before: number): boolean => now - before >= limits.minRiseMs && now >= before * limits.minRatio;
  if (large(c.p50Ms, c.baseP50Ms)) return "p50";
  return large(c.p90Ms, c.baseP90Ms) ? "p90" : undefined;
}

export const entityOf = (c: LatencyComparison): string => (c.entityKind === "server" ? c.server : `${c.server}/${c.tool}`);

/**
 * Drifts of the median that are more than the hour's own: a nightly batch is slow every night, and the day before says so only of
 * the hours around it. Where no season is known yet, the day before is all there is.
 */
export function beyondSeason(drifts: readonly Drift[], usual: readonly Learnt[], limits: LatencyThresholds): Drift[] {
  const byEntity = new Map(usual.map((own) => [`${own.kind} ${own.entity}`, own]));
  return drifts.filter(({ comparison: c, spender, moved }) => {
    const own = byEntity.get(`${c.entityKind} ${entityOf(c)}`);
    if (spender !== "upstream" || moved !== "p50" || own === undefined || own.cold || own.level === "all") return true;
    return c.upstream.p50Ms - own.centre >= limits.minRiseMs && c.upstream.p50Ms >= own.centre * limits.minRatio;
  });
}

/**
 * Where most of a server's tools drift at once it is the server that is slow, and one finding says so. A server's own
 * comparison alone is not enough, since agents that turn to its slower tools move its median too; it has to do where
 * most of its calls went to tools with too few calls each to be compared.
 */
export function groupByServer(drifts: readonly Drift[], comparisons: readonly LatencyComparison[], limits: LatencyThresholds): Drift[] {
  return spenders.flatMap((spender) => groupOf(drifts.filter((drift) => drift.spender === spender), comparisons, limits));
}

function groupOf(drifts: readonly Drift[], comparisons: readonly LatencyComparison[], limits: LatencyThresholds): Drift[] {
  const tools = drifts.filter((d) => d.comparison.entityKind === "tool");
  const servers = drifts.filter(({ comparison: whole }) => {
    if (whole.entityKind !== "server") return false;
    const compared = comparisons.filter((c) => c.entityKind === "tool" && c.server === whole.server && isComparable(c, limits));
    const slow = tools.filter((d) => d.comparison.server === whole.server).length;
    const elsewhere = whole.recentCalls - compared.reduce((sum, c) => sum + c.recentCalls, 0);
    return slow * 2 >= compared.length && (slow >= 2 || elsewhere * 2 > whole.recentCalls);
  });
  const whole = new Set(servers.map((d) => d.comparison.server));
  return [...servers, ...tools.filter((d) => !whole.has(d.comparison.server))];
}

/** A Mann-Whitney z of 6.5 and a slow end further out than ever before weigh the same on the development series. */
const rankWeight = 6.5;

/** The job's two views of a series of latencies without a database: ranks, and how far the slow end moved. */
export function createLatencyScorer(): SeriesScorer {
  const ranks = shortAgainstLong((short, long, values) => Math.max(0, rankShift(short, long, values)) / rankWeight);
  const slowEndShift = quantileShift(0.9);
  const slowEnd = shortAgainstLong((short, long, values) => Math.max(0, slowEndShift(short, long, values)));
  return highestOf(ranks, selfCalibrated(slowEnd, 1));
}
