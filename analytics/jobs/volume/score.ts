import { fromScale, toScale } from "../../baseline/metrics.ts";
import type { Learnt } from "../../baseline/model.ts";
import { decades } from "../../score/rate.ts";
import { falseDiscoveryRates, normalTail } from "../../score/stats.ts";

export interface VolumeThresholds {
  /** Volume: at least so many times what is expected, and so many calls more. */
  minRatio: number;
  minExcess: number;
  /** Silence: at most this part of what is expected, where at least so many calls are. */
  maxShare: number;
  minExpected: number;
  /** How much further out than ever before. */
  overLargest: number;
  fdr: number;
}

/** An agent's or server's calls in the hour, and what its own hours before say. */
export interface VolumeHour {
  baseline: Learnt;
  actual: number;
}

export interface Unusual {
  baseline: Learnt;
  kind: "volume" | "silence";
  actual: number;
  expected: number;
  expectedLow: number;
  expectedHigh: number;
  z: number;
  p: number;
  q: number;
  score: number;
}

/**
 * Agents and servers that were called far more or far less in the hour than in hours like it. A cold start says nothing. What
 * happened in the last day doesn't count as how far out the entity ever was: an outage that lasts stays a finding for a
 * day, then it is what is usual.
 */
export function findUnusualVolumes(all: readonly VolumeHour[], limits: VolumeThresholds): { found: Unusual[]; tested: number } {
  const judged = all.filter(({ baseline }) => !baseline.cold && baseline.hoursAlike > 0).map(judge);
  const qs = falseDiscoveryRates(judged.map((unusual) => unusual.p));
  const found = judged.flatMap((unusual, i) => (qs[i]! <= limits.fdr && isLarge(unusual, limits) && isFurtherThanEver(unusual, limits) ? [{ ...unusual, q: qs[i]! }] : []));
  return { found: found.sort((a, b) => b.score - a.score), tested: judged.length };
}

function judge({ baseline, actual }: VolumeHour): Unusual {
  const { centre: expected, spread } = baseline;
  const at = (deviations: number): number => fromScale("call_volume", toScale("call_volume", expected) + deviations * spread);
  const z = (toScale("call_volume", actual) - toScale("call_volume", expected)) / spread;
  const p = normalTail(Math.abs(z));
  return { baseline, kind: z > 0 ? "volume" : "silence", actual, expected, expectedLow: at(-3), expectedHigh: at(3), z, p, q: 1, score: decades(p) };
}

function isFurtherThanEver({ baseline, z }: Unusual, limits: VolumeThresholds): boolean {
  const ever = (z > 0 ? baseline.highest : -baseline.lowest) / baseline.spread;
  return Math.abs(z) > limits.overLargest * ever;
}

function isLarge({ kind, actual, expected }: Unusual, limits: VolumeThresholds): boolean {
  if (kind === "volume") return actual >= limits.minRatio * expected && actual - expected >= limits.minExcess;
  return actual <= limits.maxShare * expected && expected >= limits.minExpected;
}
