import { SortedWindow } from "./sorted-window.ts";

/** Says how unusual a value is, given only what it was shown before; then learns from it. Higher is more unusual. */
export type SeriesScorer = (atMs: number, value: number) => number;

/** A spread is never less than this part of the level: a flat series has none, and any change in it would be infinite. */
const spreadFloor = 0.02;
const tiny = 1e-9;

const dayMs = 86_400_000;
const slotMs = 300_000;
const slotsPerDay = dayMs / slotMs;

/** Deviations from the median of a window. */
function deviation(value: number, centre: number, spread: number): number {
  return (value - centre) / Math.max(spread, Math.abs(centre) * spreadFloor, tiny);
}

/** A single value against the last `size`, two-sided. */
export function robustZ(size = 2000, warm = 50): SeriesScorer {
  const window = new SortedWindow(size);
  return (_, value) => {
    const z = window.size < warm ? 0 : Math.abs(deviation(value, window.quantile(0.5), window.spread()));
    window.add(value);
    return z;
  };
}

/** A value against those of the same time of day, five minutes to either side, on the days before, two-sided. The yard
 * stick is how far the series usually strays from that. */
export function sameTimeOfDayZ(days = 14): SeriesScorer {
  const slots: number[][] = Array.from({ length: slotsPerDay }, () => []);
  const strays = new SortedWindow(2000);
  return (atMs, value) => {
    const slot = Math.floor((atMs % dayMs) / slotMs);
    const around = [-1, 0, 1].flatMap((d) => slots[(slot + d + slotsPerDay) % slotsPerDay]!);
    let z = 0;
    if (around.length >= 3) {
      around.sort((a, b) => a - b);
      const usual = around[around.length >> 1]!;
      const stray = value - usual;
      if (strays.size >= 100) {
        const spread = Math.max(strays.spread(), Math.abs(usual) * spreadFloor, tiny);
        z = Math.abs(stray - strays.quantile(0.5)) / spread;
      }
      strays.add(stray);
    }
    slots[slot]!.push(value);
    if (slots[slot]!.length > days) slots[slot]!.shift();
    return z;
  };
}

/** How a short window compares with the long one before it. */
export type Comparison = (short: SortedWindow, long: SortedWindow, shortValues: readonly number[]) => number;

const shortSize = 40;
const longSize = 600;
const longWarm = 200;

/** Slides a short window of 40 values and the 600 before it over a series. */
export function shortAgainstLong(compare: Comparison): SeriesScorer {
  const short = new SortedWindow(shortSize);
  const long = new SortedWindow(longSize);
  const values: number[] = [];
  return (_, value) => {
    values.push(value);
    if (values.length > shortSize) values.shift();
    const leaving = short.add(value);
    if (leaving !== undefined) long.add(leaving);
    return long.size < longWarm ? 0 : compare(short, long, values);
  };
}

/** How far a quantile moved, in deviations of the long window; positive is up. */
export function quantileShift(q: number): Comparison {
  return (short, long) => deviation(short.quantile(q) - long.quantile(q) + long.quantile(0.5), long.quantile(0.5), long.spread());
}

/** Mann-Whitney's U of the short window, as a z; positive is up. What `mannWhitneyUTest` says of the same rows, without
 * its correction for ties. */
export const rankShift: Comparison = (short, long, shortValues) => {
  let u = 0;
  for (const value of shortValues) u += (long.countBelow(value) + long.countUpTo(value)) / 2;
  const [n, m] = [short.size, long.size];
  return (u - (n * m) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12);
};

/**
 * A score over the largest one that the series had before, which fades with a half-life: 1 is "as far out as ever". A
 * threshold then means the same in every series; a plain z does not carry from one to the next.
 * `floor`: scores below it are never remarkable, however quiet the series was.
 */
export function selfCalibrated(scorer: SeriesScorer, floor: number, halfLife = 4032): SeriesScorer {
  const fade = 0.5 ** (1 / halfLife);
  let largest = 0;
  return (atMs, value) => {
    const score = scorer(atMs, value);
    const relative = score / Math.max(largest, floor);
    largest = Math.max(largest * fade, score);
    return relative;
  };
}

export function highestOf(...scorers: readonly SeriesScorer[]): SeriesScorer {
  return (atMs, value) => {
    let highest = 0;
    for (const scorer of scorers) highest = Math.max(highest, scorer(atMs, value));
    return highest;
  };
}

/** 0 for a score that doesn't exceed those of the last `rows`: one disturbance is said once. */
export function withCooldown(scorer: SeriesScorer, rows: number): SeriesScorer {
  const recent: number[] = [];
  return (atMs, value) => {
    const score = scorer(atMs, value);
    const highest = Math.max(0, ...recent);
    recent.push(score);
    if (recent.length > rows) recent.shift();
    return score > highest ? score : 0;
  };
}

/** For a series of anything: the highest of three views, each over its own past. */
export function createSeriesScorer(): SeriesScorer {
  // A floor of 3 deviations costs little and keeps very quiet series from answering to nothing.
  const floor = 3;
  const levelShift = quantileShift(0.5);
  return withCooldown(
    highestOf(
      selfCalibrated(robustZ(), floor),
      selfCalibrated(sameTimeOfDayZ(), floor),
      selfCalibrated(shortAgainstLong((s, l, v) => Math.abs(levelShift(s, l, v))), floor),
    ),
    100,
  );
}
