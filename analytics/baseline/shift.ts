import { quantileSorted } from "../score/stats.ts";
import type { HourRange, Metric, Observation } from "./metrics.ts";

/** A day (numbered since 1970) from which on a new level holds. */
export interface Shift {
  readonly day: number;
  readonly before: number;
  readonly after: number;
}

interface Day {
  readonly day: number;
  readonly level: number;
}

/** Days to either side that are compared: enough for two weekends, short enough for the shift before not to matter. */
const span = 14;
const minDays = 3;
/** Three days against five of their kind. */
const minPairs = 15;
/** So many of the pairs must have gone the same way. */
const minShare = 0.95;
/** How large a shift must be to matter: by ratio, and by difference. Smaller ones are taken up as the history moves on. */
const minRatio: Readonly<Record<Metric, number>> = { call_volume: 2, denial_rate: 2, error_rate: 2, upstream_ms: 1.5, upstream_p95_ms: 1.5 };
const minDifference: Readonly<Record<Metric, number>> = { call_volume: 2, denial_rate: 0.02, error_rate: 0.02, upstream_ms: 2, upstream_p95_ms: 2 };

/**
 * The latest day from which the level was another one. Each day in turn is taken for the first of a new level, and days
 * after are compared with days before of their kind (weekdays, weekends), pair by pair. Of neighbouring days the one with
 * the most evidence counts. Only days that are whole count: a day that began with the entity's first call, or holds an
 * hour of an incident, may differ for that alone.
 */
export function findShift(metric: Metric, observed: readonly Observation[], range: HourRange, leftOut: ReadonlySet<number>): Shift | undefined {
  const days = wholeDays(observed, range, leftOut);
  const trials = days.map((_, i) => tryDay(metric, days, i));
  for (let i = days.length - 1; i >= minDays; i--) {
    const { sure, evidence, shift } = trials[i]!;
    if (sure && evidence >= trials[i - 1]!.evidence && evidence >= trials[i - 2]!.evidence) return shift;
  }
  return undefined;
}

/** A day's level is the mean of its hours' values by their weights. */
function wholeDays(observed: readonly Observation[], range: HourRange, leftOut: ReadonlySet<number>): Day[] {
  const first = observed[0]?.hour ?? range.to;
  const cut = new Set([...leftOut].map((hour) => Math.floor(hour / 24)));
  const days = new Map<number, { sum: number; weight: number }>();
  for (const { hour, value, weight } of observed) {
    const day = Math.floor(hour / 24);
    if (day * 24 < first || day * 24 + 24 > range.to || cut.has(day)) continue;
    const sums = days.get(day) ?? { sum: 0, weight: 0 };
    sums.sum += value * weight;
    sums.weight += weight;
    days.set(day, sums);
  }
  return [...days].map(([day, { sum, weight }]) => ({ day, level: sum / weight }));
}

const isWeekend = (day: number): boolean => (day + 3) % 7 >= 5;
const median = (values: readonly number[]): number => quantileSorted(Float64Array.from(values).sort(), 0.5);

interface Trial {
  readonly sure: boolean;
  readonly evidence: number;
  readonly shift: Shift;
}

/** Days are tried by the hundred thousand and next to none is sure, so the pairs are only counted until one may be. */
function tryDay(metric: Metric, days: readonly Day[], i: number): Trial {
  const { day } = days[i]!;
  const from = Math.max(0, i - span);
  const to = Math.min(days.length, i + span);
  let pairs = 0;
  let rose = 0;
  for (let later = i; later < to; later++) {
    const { level, day: on } = days[later]!;
    const weekend = isWeekend(on);
    for (let earlier = from; earlier < i; earlier++) {
      const before = days[earlier]!;
      if (isWeekend(before.day) !== weekend) continue;
      pairs++;
      if (level > before.level) rose += 1;
      else if (level === before.level) rose += 0.5;
    }
  }
  if (pairs === 0) return { sure: false, evidence: 0, shift: { day, before: 0, after: 0 } };
  const share = rose / pairs;
  const after = to - i;
  const before = i - from;
  const evidence = Math.abs(share - 0.5) * Math.sqrt((after * before) / (after + before + 1));
  const isLong = after >= minDays && before >= minDays && pairs >= minPairs;
  if (!isLong || Math.max(share, 1 - share) < minShare) return { sure: false, evidence, shift: { day, before: 0, after: 0 } };
  return measured(metric, days.slice(i, to), days.slice(from, i), evidence);
}

function measured(metric: Metric, later: readonly Day[], earlier: readonly Day[], evidence: number): Trial {
  const pairs = later.flatMap((a) => earlier.filter((b) => isWeekend(a.day) === isWeekend(b.day)).map((b) => [a.level, b.level] as const));
  const after = median(pairs.map(([a]) => a));
  const before = median(pairs.map(([, b]) => b));
  const isLarge = Math.abs(after - before) >= minDifference[metric] && Math.max(after, before) >= minRatio[metric] * Math.min(after, before);
  return { sure: isLarge, evidence, shift: { day: later[0]!.day, before, after } };
}
