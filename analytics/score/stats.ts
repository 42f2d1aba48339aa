/** Of values in ascending order; linear between neighbours. NaN of nothing. */
export function quantileSorted(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return NaN;
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const value = sorted[low]!;
  const next = sorted[Math.min(low + 1, sorted.length - 1)]!;
  return value + (next - value) * (at - low);
}

/** P(Z >= z) of a standard normal; the relative error is below 1.2e-7 (Numerical Recipes' rational Chebyshev fit). */
export function normalTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.5 * x);
  const poly =
    -1.26551223 +
    t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 +
    t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  const tail = 0.5 * t * Math.exp(-x * x + poly);
  return z >= 0 ? tail : 1 - tail;
}

/** ln Gamma(x) for x > 0 (Lanczos, g = 7). */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const c = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  const y = x - 1;
  const t = y + 7.5;
  let sum = c[0]!;
  for (let i = 1; i < c.length; i++) sum += c[i]! / (y + i);
  return 0.5 * Math.log(2 * Math.PI) + (y + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** P(at least `d` of `n`) when the rate itself varies as Beta(alpha, beta). Exact up to rounding; O(n - d). */
export function betaBinomialTail(d: number, n: number, alpha: number, beta: number): number {
  if (d <= 0) return 1;
  if (d > n) return 0;
  const logBeta = (a: number, b: number): number => logGamma(a) + logGamma(b) - logGamma(a + b);
  const logChoose = logGamma(n + 1) - logGamma(d + 1) - logGamma(n - d + 1);
  let term = Math.exp(logChoose + logBeta(d + alpha, n - d + beta) - logBeta(alpha, beta));
  let sum = term;
  for (let k = d; k < n; k++) {
    term *= ((n - k) / (k + 1)) * ((k + alpha) / (n - k - 1 + beta));
    sum += term;
    if (term < sum * 1e-12) break;
  }
  return Math.min(1, sum);
}

/** The smallest count that a Poisson of this mean stays at or under with probability `q`. */
export function poissonQuantile(q: number, mean: number): number {
  let count = 0;
  let term = Math.exp(-mean);
  let sum = term;
  while (sum < q && count < 10 * (mean + 10)) {
    term *= mean / ++count;
    sum += term;
  }
  return count;
}

/** Benjamini-Hochberg: for each p-value the smallest false discovery rate at which it would be among the discoveries. */
export function falseDiscoveryRates(pValues: readonly number[]): number[] {
  const order = pValues.map((p, i) => ({ p, i })).sort((a, b) => b.p - a.p);
  const out = new Array<number>(pValues.length);
  let lowest = 1;
  order.forEach(({ p, i }, fromTop) => {
    lowest = Math.min(lowest, (p * pValues.length) / (pValues.length - fromTop));
    out[i] = lowest;
  });
  return out;
}
