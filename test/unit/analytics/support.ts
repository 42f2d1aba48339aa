/** A standard normal value, by Box and Muller. */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** How many of `n` tosses at `rate` come up. */
export function binomial(random: () => number, n: number, rate: number): number {
  let hits = 0;
  for (let i = 0; i < n; i++) if (random() < rate) hits++;
  return hits;
}
