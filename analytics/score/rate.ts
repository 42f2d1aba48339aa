import { betaBinomialTail } from "./stats.ts";

/** Events out of trials in one bucket of time, such as denied calls out of calls. */
export interface Bucket {
  total: number;
  hits: number;
}

/** A rate and how much more it varies between buckets than coin tosses would: 0 not at all, 1 all or nothing. */
export interface RateBaseline {
  rate: number;
  /** Intra-bucket correlation of a beta-binomial. */
  overdispersion: number;
  /** Trials behind the estimate; with few, the estimate's own error widens what is expected. */
  trials: number;
}

/** What a rate is worth before anything was seen: half a hit in ten trials, so that a first denial surprises a little. */
export const priorHits = 0.5;
export const priorTrials = 10;
/** Traffic that is too short to show its variation is not taken to have none. */
const minOverdispersion = 0.002;
const maxOverdispersion = 0.95;
/** A bucket teaches at most this many deviations over the rate, so that a long attack doesn't become the new normal. */
const learnAtMostZ = 4;

/**
 * The moments of a rate, fading with age. From the sums over buckets of n, d, n², nd and d² follow the mean rate and, by
 * the method of moments, the overdispersion, in any order and without keeping the buckets.
 */
export class RateMoments {
  #n = 0;
  #d = 0;
  #nn = 0;
  #nd = 0;
  #dd = 0;
  readonly #fade: number;

  /** `memory`: after so many buckets one counts a third (1/e) of a new one. Infinity: nothing fades. */
  constructor(memory = Infinity) {
    this.#fade = Math.exp(-1 / memory);
  }

  add({ total, hits }: Bucket): void {
    const baseline = this.baseline();
    const most = total * baseline.rate + learnAtMostZ * Math.sqrt(varianceOf([{ total, hits }], baseline));
    // Until there is a history there is nothing to call an outlier.
    const d = baseline.trials > 5 * priorTrials ? Math.min(hits, most) : hits;
    this.#n = this.#n * this.#fade + total;
    this.#d = this.#d * this.#fade + d;
    this.#nn = this.#nn * this.#fade + total * total;
    this.#nd = this.#nd * this.#fade + total * d;
    this.#dd = this.#dd * this.#fade + d * d;
  }

  baseline(): RateBaseline {
    const rate = (this.#d + priorHits) / (this.#n + priorTrials);
    const squares = this.#dd - 2 * rate * this.#nd + rate * rate * this.#nn;
    const pairs = this.#nn - this.#n;
    const raw = pairs > 0 ? (squares / (rate * (1 - rate)) - this.#n) / pairs : 0;
    return { rate, overdispersion: Math.min(Math.max(raw, minOverdispersion), maxOverdispersion), trials: this.#n };
  }
}

/** Variance of the hits in these buckets together, if they follow the baseline: its own variation and its error. */
export function varianceOf(buckets: readonly Bucket[], baseline: RateBaseline): number {
  const { rate, overdispersion, trials } = baseline;
  let inflated = 0;
  let total = 0;
  for (const bucket of buckets) {
    inflated += bucket.total * (1 + Math.max(0, bucket.total - 1) * overdispersion);
    total += bucket.total;
  }
  return rate * (1 - rate) * (inflated + (total * total) / (trials + priorTrials));
}

export const sumOf = (buckets: readonly Bucket[]): Bucket =>
  buckets.reduce((sum, b) => ({ total: sum.total + b.total, hits: sum.hits + b.hits }), { total: 0, hits: 0 });

/** How many deviations more hits there are than expected. 0 where there were no trials. */
export function rateZ(buckets: readonly Bucket[], baseline: RateBaseline): number {
  const { total, hits } = sumOf(buckets);
  return total === 0 ? 0 : (hits - total * baseline.rate) / Math.sqrt(varianceOf(buckets, baseline));
}

/**
 * The probability of at least so many hits, by the beta-binomial that has the same mean and variance. The z above is not
 * a normal one when a hit is rare: over the development series its threshold for one false alarm a week is 11, while
 * this one's is 10^-3.3, which is what a calibrated probability gives for 2,016 buckets. It finds twice the spikes.
 */
export function rateTail(buckets: readonly Bucket[], baseline: RateBaseline): number {
  const { total, hits } = sumOf(buckets);
  if (total === 0 || hits === 0) return 1;
  const { rate } = baseline;
  const inflation = varianceOf(buckets, baseline) / (total * rate * (1 - rate));
  const correlation = total > 1 ? (inflation - 1) / (total - 1) : minOverdispersion;
  const concentration = 1 / Math.min(Math.max(correlation, 0.001), maxOverdispersion) - 1;
  return betaBinomialTail(Math.round(hits), total, rate * concentration, (1 - rate) * concentration);
}

/** Sums of so many of the newest buckets are looked at: one sees a block at once, six a surge that hides in noise. */
export const spans = [1, 6] as const;
export const longestSpan = 6;

export interface RateSurprise {
  /** The smaller of the spans' tail probabilities, not corrected for looking twice. */
  p: number;
  span: (typeof spans)[number];
}

/** The part of a span's hits that its newest bucket must have: an even share of six is 17%. */
const stillGoing = 0.05;

/** The most surprising span of the newest buckets (in order of time). A newest bucket with next to no hits surprises
 * nobody: what made a longer span unusual was said when it happened. */
export function rateSurprise(newest: readonly Bucket[], baseline: RateBaseline): RateSurprise {
  let best: RateSurprise = { p: 1, span: 1 };
  const latest = newest.at(-1)?.hits ?? 0;
  if (latest === 0) return best;
  for (const span of spans) {
    const buckets = newest.slice(-span);
    if (latest < stillGoing * sumOf(buckets).hits) continue;
    const p = rateTail(buckets, baseline);
    if (p < best.p) best = { p, span };
  }
  return best;
}

/** Evidence in powers of ten: 3 is "one in a thousand". Kept finite for what is beyond floating point. */
export const decades = (p: number): number => Math.min(300, -Math.log10(Math.max(p, 1e-300)));
