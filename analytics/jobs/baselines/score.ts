export type BaselineMetric = "denial_rate" | "call_volume" | "upstream_ms";

/** A metric's values in the five-minute buckets of one entity, summed up. */
export interface BucketSpread {
  metric: BaselineMetric;
  n: number;
  centre: number;
  mad: number;
}

/**
 * The least spread that is believed: half a percent of denials, one call, half a millisecond, and 2% of the centre. Flat
 * traffic has a spread of 0, and any change in it would then be infinitely far off.
 */
const floors: Readonly<Record<BaselineMetric, number>> = { denial_rate: 0.005, call_volume: 1, upstream_ms: 0.5 };
const relativeFloor = 0.02;
const madToSigma = 1.4826;

export function spreadOf({ metric, centre, mad }: BucketSpread): number {
  return Math.max(madToSigma * mad, floors[metric], relativeFloor * Math.abs(centre));
}

/** How it was learnt, in words that a page or an alert can print. */
export function methodOf({ metric, n, centre, mad }: BucketSpread, minBuckets: number): string {
  const floored = madToSigma * mad < spreadOf({ metric, n, centre, mad }) ? ", spread at its floor" : "";
  const what = `median +/- scaled MAD over ${n} buckets of 5 min with calls${floored}`;
  return n < minBuckets ? `cold start (n < ${minBuckets}): ${what}` : what;
}
