import { entityKinds, pairKinds, type EntityKind, type Metric } from "../../baseline/metrics.ts";
import { methodOf, modelVersion, type Baseline } from "../../baseline/model.ts";
import { pairSlices, readBaselines, type BaselineConfig } from "../../baseline/read.ts";
import type { Store } from "../../../collector/store/client.ts";
import type { Job } from "../../schedule/job.ts";

export interface BaselinesConfig extends BaselineConfig {
  latenessMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const sliceMs = hourMs / pairSlices;

const singleKinds = entityKinds.filter((kind) => !pairKinds.includes(kind));
/** How long upstreams take is known of these alone; and towards theirs a pair's baseline is drawn. */
const placeKinds: readonly EntityKind[] = ["all", "server", "tool"];
const countMetrics: readonly Metric[] = ["call_volume", "denial_rate", "error_rate"];

/** What is usual in the hour that comes, for pages to show, and for people to compare a finding with. */
export const baselines = (config: BaselinesConfig): Job => hourly("baselines", countMetrics, singleKinds, config);

/** The same of how long upstreams take, by itself: an hour of each tool is a sketch, and five weeks of them are half the work. */
export const timeBaselines = (config: BaselinesConfig): Job => hourly("time-baselines", ["upstream_ms", "upstream_p95_ms"], placeKinds, config);

function hourly(name: string, metrics: readonly Metric[], kinds: readonly EntityKind[], config: BaselinesConfig): Job {
  return {
    name,
    cron: "4 * * * *",
    stepMs: hourMs,
    windowMs: hourMs,
    latenessMs: config.latenessMs,
    async run({ store, window, nowMs }) {
      await keep(store, await readBaselines(store, { atMs: window.toMs, untilMs: window.toMs, asOfMs: nowMs, metrics, kinds }, config), nowMs);
      return { findings: [] };
    },
  };
}

/**
 * The same of pairs, once a day (UTC) and of its first hour: there are so many that each five minutes of that hour learn a
 * slice of them. Which slice, a window's end says by itself, so one that was missed is made up for like any other window.
 */
export function pairBaselines(config: BaselinesConfig): Job {
  return {
    name: "pair-baselines",
    cron: "*/5 * * * *",
    stepMs: sliceMs,
    windowMs: sliceMs,
    latenessMs: config.latenessMs,
    async run({ store, window, nowMs }) {
      const dayStartMs = Math.floor(window.toMs / dayMs) * dayMs;
      const slice = (window.toMs - dayStartMs) / sliceMs;
      if (slice >= pairSlices) return { findings: [] };
      const all = await readBaselines(store, { atMs: dayStartMs, untilMs: dayStartMs, asOfMs: nowMs, metrics: countMetrics, kinds: [...placeKinds, ...pairKinds], pairSlice: slice }, config);
      await keep(store, all.filter(({ own }) => pairKinds.includes(own.kind)), nowMs);
      return { findings: [] };
    },
  };
}

const rowsAnInsert = 20_000;

async function keep(store: Store, all: readonly Baseline[], nowMs: number): Promise<void> {
  for (let i = 0; i < all.length; i += rowsAnInsert) await store.insert("baselines", all.slice(i, i + rowsAnInsert).map((baseline) => toRow(baseline, nowMs)));
}

const iso = (hour: number): string => new Date(hour * hourMs).toISOString();

function toRow(baseline: Baseline, nowMs: number): object {
  const { own } = baseline;
  return {
    computed_at: new Date(nowMs).toISOString(),
    metric: own.metric,
    entity_kind: own.kind,
    entity: own.entity,
    learnt_from: iso(own.since),
    learnt_to: iso(own.until),
    n: own.hours,
    centre: baseline.centre,
    spread: baseline.spread,
    quantiles: baseline.quantiles,
    method: methodOf(baseline),
    model_version: modelVersion,
    hour: iso(own.hour),
    level: own.cold ? "cold_start" : own.level,
    hours_alike: own.hoursAlike,
    calls: own.metric === "call_volume" ? 0 : own.weight,
    own_centre: own.centre,
    parent_kind: own.parentKind,
    parent: own.parent,
    parent_centre: baseline.parentCentre,
    weight: baseline.weight,
    shifted_at: own.shift === undefined ? null : iso(own.shift.day * 24),
    level_before: own.shift?.before ?? 0,
    level_after: own.shift?.after ?? 0,
    hours_left_out: own.hoursLeftOut,
    incidents: own.incidents.slice(0, 20),
  };
}
