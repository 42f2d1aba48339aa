import { randomFrom } from "../../support/random.ts";
import { compare } from "./roc.ts";

export type Interval = readonly [low: number, high: number];

/**
 * The 95% interval of figures, by drawing whole units with replacement, as many as there are, and computing the figures
 * again. A unit is what is alike within: runs of one task, rows of one series, texts of one document. Draws that give no
 * number (no positive among them) are left out. The same seed gives the same interval.
 */
export function intervals<T, K extends string>(units: readonly T[], figures: (drawn: readonly T[]) => Readonly<Record<K, number>>, rounds = 400, seed = 1): Record<K, Interval> {
  const next = randomFrom(seed);
  const drawn = new Map<K, number[]>();
  for (let round = 0; round < rounds; round++) {
    const sample = units.map(() => units[Math.floor(next() * units.length)]!);
    for (const [name, value] of Object.entries(figures(sample)) as [K, number][]) {
      if (!Number.isNaN(value)) drawn.set(name, [...(drawn.get(name) ?? []), value]);
    }
  }
  return Object.fromEntries([...drawn].map(([name, values]) => [name, ends(values.toSorted(compare))])) as unknown as Record<K, Interval>;
}

const ends = (sorted: readonly number[]): Interval => [sorted[Math.floor(0.025 * (sorted.length - 1))]!, sorted[Math.ceil(0.975 * (sorted.length - 1))]!];

/** `.920 [.880-.950]`; scores that are no shares with so many digits. */
export function withInterval(value: number, interval: Interval | undefined, fraction?: number): string {
  const show = (x: number): string => (fraction === undefined ? x.toFixed(3).replace(/^0/, "") : x.toFixed(fraction));
  return interval === undefined ? show(value) : `${show(value)} [${show(interval[0])} to ${show(interval[1])}]`;
}
