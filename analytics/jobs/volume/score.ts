import { decades } from "../../score/rate.ts";
import { falseDiscoveryRates, normalTail, quantileSorted } from "../../score/stats.ts";

/** An agent's or server's calls in each hour since its first one, the empty hours too; the last is the window. */
export interface VolumeSeries {
  entityKind: "agent" | "server";
  name: string;
  hours: readonly number[];
}

export interface VolumeThresholds {
  /** Hours of history below which nothing is said, and from which hours are compared with the same hour of other days, and
   * of other weekdays or weekends. */
  minHours: number;
  hourOfDayHours: number;
  kindOfDayHours: number;
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

export type Season = "all" | "hour" | "hour_and_day";

export interface Unusual {
  series: VolumeSeries;
  kind: "volume" | "silence";
  season: Season;
  actual: number;
  expected: number;
  expectedLow: number;
  expectedHigh: number;
  hoursCompared: number;
  z: number;
  p: number;
  q: number;
  score: number;
}

const hourMs = 3_600_000;
/** What happened in the last day doesn't count as the largest deviation ever: an outage that lasts stays a finding for a day,
 * then it is what is usual. */
const hoursOfNews = 24;

/** Counts on a scale on which those of a steady rate stray by 1, whatever the rate. */
const steady = (calls: number): number => 2 * Math.sqrt(calls + 3 / 8);
const calls = (y: number): number => Math.max(0, (Math.max(0, y) / 2) ** 2 - 3 / 8);

const median = (values: readonly number[]): number => quantileSorted([...values].sort((a, b) => a - b), 0.5);

/** Which hours an hour may be compared with; undefined while the history is too short to say anything. */
export function seasonOf(hours: number, limits: VolumeThresholds): Season | undefined {
  if (hours < limits.minHours) return undefined;
  if (hours < limits.hourOfDayHours) return "all";
  return hours < limits.kindOfDayHours ? "hour" : "hour_and_day";
}

/** What hours have in common that are compared with one another. */
function slotOf(season: Season, startMs: number): number {
  if (season === "all") return 0;
  const at = new Date(startMs);
  const weekend = at.getUTCDay() % 6 === 0;
  return at.getUTCHours() + (season === "hour_and_day" && weekend ? 24 : 0);
}

/** Agents and servers that were called far more or far less in the hour that began at `startMs` than in hours like it. */
export function findUnusualVolumes(all: readonly VolumeSeries[], startMs: number, limits: VolumeThresholds): { found: Unusual[]; tested: number } {
  const judged = all.flatMap((series) => judge(series, startMs, limits) ?? []);
  const qs = falseDiscoveryRates(judged.map(({ unusual }) => unusual.p));
  const found = judged.flatMap(({ unusual, largest }, i) => (qs[i]! <= limits.fdr && isLarge(unusual, limits) && Math.abs(unusual.z) > limits.overLargest * largest ? [{ ...unusual, q: qs[i]! }] : []));
  return { found: found.sort((a, b) => b.score - a.score), tested: judged.length };
}

/** `largest`: how far out the entity ever was in the same direction, a day and more ago. */
function judge(series: VolumeSeries, startMs: number, limits: VolumeThresholds): { unusual: Unusual; largest: number } | undefined {
  const last = series.hours.length - 1;
  const season = seasonOf(last, limits);
  if (season === undefined) return undefined;
  const slots = new Map<number, number[]>();
  const slot = (i: number): number => slotOf(season, startMs - (last - i) * hourMs);
  for (let i = 0; i < last; i++) slots.set(slot(i), [...(slots.get(slot(i)) ?? []), series.hours[i]!]);
  const alike = slots.get(slot(last)) ?? [];
  if (alike.length === 0) return undefined;
  const usual = new Map([...slots].map(([key, values]) => [key, steady(median(values))]));
  const strays = series.hours.slice(0, last).map((value, i) => steady(value) - usual.get(slot(i))!);
  const centre = median(strays);
  const spread = Math.max(1, 1.4826 * median(strays.map((s) => Math.abs(s - centre))));
  const actual = series.hours[last]!;
  const expected = median(alike);
  const z = (steady(actual) - steady(expected)) / spread;
  const largest = Math.max(0, ...strays.slice(0, last - hoursOfNews).map((s) => (s * Math.sign(z)) / spread));
  const p = normalTail(Math.abs(z));
  return {
    unusual: {
      series,
      kind: z > 0 ? "volume" : "silence",
      season,
      actual,
      expected,
      expectedLow: calls(steady(expected) - 3 * spread),
      expectedHigh: calls(steady(expected) + 3 * spread),
      hoursCompared: alike.length,
      z,
      p,
      q: 1,
      score: decades(p),
    },
    largest,
  };
}

function isLarge({ kind, actual, expected }: Unusual, limits: VolumeThresholds): boolean {
  if (kind === "volume") return actual >= limits.minRatio * expected && actual - expected >= limits.minExcess;
  return actual <= limits.maxShare * expected && expected >= limits.minExpected;
}
