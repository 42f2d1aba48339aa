import { quantileSorted } from "../score/stats.ts";
import { fromScale, observationsOf, toScale, type EntityHours, type EntityKind, type HourRange, type Metric, type Observation } from "./metrics.ts";
import { seasonOf, slotOf, words, type Level, type SeasonLimits } from "./season.ts";
import { findShift, type Shift } from "./shift.ts";

/** Changes whenever the same hours would give another baseline. */
export const modelVersion = "2";

export interface ModelLimits extends SeasonLimits {
  /** Rates and times of so many calls are worth as much as the parent's. */
  shrinkCalls: number;
}

/** What an entity's own hours say of one metric in hours like the one asked about. */
export interface Learnt {
  readonly metric: Metric;
  readonly kind: EntityKind;
  readonly entity: string;
  readonly parentKind: EntityKind | "";
  readonly parent: string;
  /** Hours since 1970: the one asked about, the first with calls, and the half-open range of those learnt from. */
  readonly hour: number;
  readonly firstHour: number;
  readonly since: number;
  readonly until: number;
  readonly shift: Shift | undefined;
  /** Hours learnt from, and calls in them (of a volume: hours again). */
  readonly hours: number;
  readonly weight: number;
  readonly hoursLeftOut: number;
  readonly incidents: readonly string[];
  readonly level: Level;
  readonly why: string;
  /** Too little history to say what is unusual. */
  readonly cold: boolean;
  readonly hoursKnown: number;
  readonly hoursAlike: number;
  readonly centre: number;
  /** On the metric's scale: deviations of an hour from those like it, and how far out the hours before the last day ever were. */
  readonly spread: number;
  readonly floored: boolean;
  readonly lowest: number;
  readonly highest: number;
  /** Of the deviations, on the metric's scale, by their name. */
  readonly strays: Readonly<Record<string, number>>;
}

/** A baseline: what was learnt, drawn towards the parent by how little that is. In the metric's own unit. */
export interface Baseline {
  readonly own: Learnt;
  /** own.centre * weight + parentCentre * (1 - weight) */
  readonly centre: number;
  readonly spread: number;
  readonly quantiles: Readonly<Record<string, number>>;
  readonly parentCentre: number;
  readonly weight: number;
}

const quantiles = { p05: 0.05, p25: 0.25, p50: 0.5, p75: 0.75, p95: 0.95, p99: 0.99 } as const;
const madToSigma = 1.4826;
/** The least spread that is believed, and 2% of the centre: flat traffic has none, and any change would be infinitely far off. */
const floors: Readonly<Record<Metric, number>> = { call_volume: 1, denial_rate: 0.005, error_rate: 0.005, upstream_ms: 0.5, upstream_p95_ms: 0.5 };
const relativeFloor = 0.02;
/** What happened in the last day is news, and doesn't count as how far out an hour ever was. */
const hoursOfNews = 24;

const sorted = (values: readonly number[]): Float64Array => Float64Array.from(values).sort();
const median = (values: readonly number[]): number => quantileSorted(sorted(values), 0.5);

/** What an entity's hours in `range` say of hours like `hour`. Undefined where the metric was never observed. */
export function learn(row: EntityHours, metric: Metric, hour: number, range: HourRange, limits: ModelLimits): Learnt | undefined {
  const observed = observationsOf(row, metric, range);
  if (observed.length === 0) return undefined;
  const firstHour = range.from + Math.min(row.hours[0]?.[0] ?? Infinity, row.latencies[0]?.[0] ?? Infinity);
  const shift = findShift(metric, observed, range, new Set(row.leftOut.keys()));
  const since = Math.max(firstHour, shift === undefined ? 0 : shift.day * 24);
  const kept = observed.filter((o) => o.hour >= since);
  const out = [...row.leftOut].filter(([at]) => at >= since && at < range.to);
  const hoursKnown = range.to - since - out.length;
  const { level, why } = seasonOf(kept, hoursKnown, hour, limits);
  return {
    metric,
    kind: row.kind,
    entity: row.entity,
    parentKind: row.parentKind,
    parent: row.parent,
    hour,
    firstHour,
    since,
    until: range.to,
    shift,
    hours: kept.length,
    weight: kept.reduce((sum, o) => sum + o.weight, 0),
    hoursLeftOut: out.length,
    incidents: [...new Set(out.map(([, incident]) => incident))].sort(),
    level,
    why,
    cold: hoursKnown < limits.minHours,
    hoursKnown,
    ...summarise(metric, kept, level, hour, range),
  };
}

type Summary = Pick<Learnt, "hoursAlike" | "centre" | "spread" | "floored" | "lowest" | "highest" | "strays">;

function summarise(metric: Metric, observed: readonly Observation[], level: Level, hour: number, range: HourRange): Summary {
  const slots = Map.groupBy(observed, (o) => slotOf(level, o.hour));
  const centres = new Map([...slots].map(([slot, alike]) => [slot, centreOf(metric, alike)]));
  const strays = observed.map((o) => ({ hour: o.hour, by: toScale(metric, o.value) - toScale(metric, centres.get(slotOf(level, o.hour))!) }));
  const alike = slots.get(slotOf(level, hour)) ?? [];
  const centre = centres.get(slotOf(level, hour)) ?? centreOf(metric, observed);
  const byAll = sorted(strays.map((s) => s.by));
  const middle = quantileSorted(byAll, 0.5);
  const raw = madToSigma * quantileSorted(byAll.map((by) => Math.abs(by - middle)).sort(), 0.5) * tooGoodAFit(level, observed.length / slots.size);
  const floor = Math.max(floors[metric], metric === "call_volume" ? 0 : relativeFloor * centre);
  const before = strays.filter((s) => s.hour < range.to - hoursOfNews).map((s) => s.by);
  return {
    hoursAlike: alike.length,
    centre,
    spread: Math.max(raw, floor),
    floored: raw < floor,
    lowest: before.reduce((a, b) => Math.min(a, b), 0),
    highest: before.reduce((a, b) => Math.max(a, b), 0),
    strays: Object.fromEntries(Object.entries(quantiles).map(([name, q]) => [name, quantileSorted(byAll, q)])),
  };
}

/** A median of rates is mostly 0, so theirs is the rate of all calls but those in the highest twentieth of the hours. */
function centreOf(metric: Metric, alike: readonly Observation[]): number {
  if (metric !== "denial_rate" && metric !== "error_rate") return median(alike.map((o) => o.value));
  const kept = [...alike].sort((a, b) => a.value - b.value).slice(0, alike.length - Math.floor(alike.length / 20));
  return kept.reduce((sum, o) => sum + o.value * o.weight, 0) / kept.reduce((sum, o) => sum + o.weight, 0);
}

/** The median of four is near each of the four: with so few alike, hours seem to stray less than they do. */
const tooGoodAFit = (level: Level, alike: number): number => (level === "hour_of_week" && alike > 1 ? Math.sqrt(alike / (alike - 1)) : 1);

/** All baselines of what was learnt, each drawn towards its parent, and that one towards its own. */
export function toBaselines(all: readonly Learnt[], limits: ModelLimits): Baseline[] {
  const keyOf = (metric: Metric, kind: string, entity: string): string => JSON.stringify([metric, kind, entity]);
  const byKey = new Map(all.map((one) => [keyOf(one.metric, one.kind, one.entity), one]));
  const members = new Map<string, number>();
  const familyOf = (one: Learnt): string => JSON.stringify([one.metric, one.kind, one.parentKind, one.parent]);
  for (const one of all) members.set(familyOf(one), (members.get(familyOf(one)) ?? 0) + 1);
  const done = new Map<Learnt, Baseline>();
  const baselineOf = (own: Learnt): Baseline => {
    const known = done.get(own);
    if (known !== undefined) return known;
    const parent = byKey.get(keyOf(own.metric, own.parentKind, own.parent));
    const baseline = draw(own, parent === undefined ? undefined : baselineOf(parent), members.get(familyOf(own))!, limits);
    done.set(own, baseline);
    return baseline;
  };
  return all.map(baselineOf);
}

/**
 * How much an entity's own hours count against its parent. Volumes of siblings differ by orders of magnitude, so an even
 * share of the parent's says something only until the entity has a history; rates and times are much alike.
 */
export function weightOf(own: Pick<Learnt, "metric" | "hours" | "weight">, limits: ModelLimits): number {
  return own.metric === "call_volume" ? Math.min(1, own.hours / limits.minHours) : own.weight / (own.weight + limits.shrinkCalls);
}

function draw(own: Learnt, parent: Baseline | undefined, members: number, limits: ModelLimits): Baseline {
  const weight = parent === undefined ? 1 : weightOf(own, limits);
  const share = own.metric === "call_volume" ? 1 / members : 1;
  const parentCentre = parent === undefined ? own.centre : parent.centre * share;
  const between = (mine: number, theirs: number): number => weight * mine + (1 - weight) * theirs;
  const at = (by: number): number => fromScale(own.metric, toScale(own.metric, own.centre) + by);
  const spread = (at(own.spread) - at(-own.spread)) / 2;
  return {
    own,
    centre: between(own.centre, parentCentre),
    spread: between(own.metric === "call_volume" ? spread : own.spread, parent === undefined ? own.spread : parent.spread * share),
    quantiles: Object.fromEntries(Object.entries(own.strays).map(([name, by]) => [name, between(at(by), parent === undefined ? at(by) : parent.quantiles[name]! * share)])),
    parentCentre,
    weight,
  };
}

export const parentWords = ({ parentKind, parent }: Pick<Learnt, "parentKind" | "parent">): string => (parentKind === "all" ? "everything" : `${parentKind} ${parent}`);

/** How it was learnt, in words that a page or an alert can print. */
export function methodOf({ own, weight }: Baseline): string {
  const rate = own.metric === "denial_rate" || own.metric === "error_rate";
  const centre = rate ? "rate of all calls but those in the highest twentieth of hours" : "median";
  const parts = [
    own.cold ? `cold start (${own.hoursKnown} hours known)` : "",
    `${centre} +/- scaled MAD, ${words[own.level]}`,
    own.floored ? "spread at its floor" : "",
    own.parent === "" ? "" : `${Math.round(100 * weight)}% its own, the rest of ${parentWords(own)}`,
  ];
  return parts.filter((part) => part !== "").join("; ");
}
