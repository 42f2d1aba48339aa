import type { Learnt } from "../../baseline/model.ts";
import { falseDiscoveryRates, normalTail } from "../../score/stats.ts";
import { highestOf, quantileShift, rankShift, selfCalibrated, shortAgainstLong, type SeriesScorer } from "../../score/series.ts";

/** One tool's answers in the recent window and before it, as latency-drift.sql compares them. Times in milliseconds. */
export interface LatencyComparison {
  entityKind: "tool" | "server";
  server: string;
  tool: string;
  recentCalls: number;
  baselineCalls: number;
  p50Ms: number;
  baseP50Ms: number;
  /** The middle 80% of the baseline's calls. */
  baseP10Ms: number;
  baseP90Ms: number;
  p90Ms: number;
  /** One-sided Mann-Whitney: the chance of ranks this high if nothing had moved. */
  rankP: number;
  proxyP50Ms: number;
  baseProxyP50Ms: number;
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
  /** The median moved, or only the slow end did. */
  moved: "p50" | "p90";
  p: number;
  q: number;
  proxyMoved: boolean;
}

/** Which comparisons are drifts: sure by rank over everything compared this time, and large enough to matter. */
export function findDrifts(comparisons: readonly LatencyComparison[], limits: LatencyThresholds): { drifts: Drift[]; tested: number } {
  const tested = comparisons.filter((c) => isComparable(c, limits));
  const ps = tested.map(driftP);
  const qs = falseDiscoveryRates(ps);
  const drifts = tested.flatMap((comparison, i): Drift[] => {
    const moved = movedQuantile(comparison, limits);
    if (moved === undefined || qs[i]! > limits.fdr) return [];
    return [{ comparison, moved, p: ps[i]!, q: qs[i]!, proxyMoved: proxyMoved(comparison) }];
  });
  return { drifts, tested: tested.length };
}

const isComparable = (c: LatencyComparison, limits: LatencyThresholds): boolean =>
  c.recentCalls >= limits.minRecentCalls && c.baselineCalls >= limits.minBaselineCalls;

/** Latencies of neighbouring calls resemble each other, so ranks of n calls say less than ranks of n independent ones:
 * the test is read as if only every other call counted, which divides its z by the square root of two. */
function driftP(c: LatencyComparison): number {
  return normalTail(zOf(Math.max(c.rankP, smallestRankP)) / Math.SQRT2);
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

function movedQuantile(c: LatencyComparison, limits: LatencyThresholds): Drift["moved"] | undefined {
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
  return drifts.filter(({ comparison: c, moved }) => {
    const own = byEntity.get(`${c.entityKind} ${entityOf(c)}`);
    if (moved !== "p50" || own === undefined || own.cold || own.level === "all") return true;
    return c.p50Ms - own.centre >= limits.minRiseMs && c.p50Ms >= own.centre * limits.minRatio;
  });
}

/** The proxy's own time is its decision and its queue: a half more than before, and at least a millisecond. */
function proxyMoved(c: LatencyComparison): boolean {
  return c.proxyP50Ms >= 1.5 * c.baseProxyP50Ms && c.proxyP50Ms - c.baseProxyP50Ms >= 1;
}

/**
 * Where most of a server's tools drift at once it is the server that is slow, and one finding says so. A server's own
 * comparison alone is not enough, since agents that turn to its slower tools move its median too; it has to do where
 * most of its calls went to tools with too few calls each to be compared.
 */
export function groupByServer(drifts: readonly Drift[], comparisons: readonly LatencyComparison[], limits: LatencyThresholds): Drift[] {
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
