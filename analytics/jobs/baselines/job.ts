import { entityKinds, pairKinds } from "../../baseline/metrics.ts";
import { methodOf, modelVersion, type Baseline } from "../../baseline/model.ts";
import { readBaselines, type BaselineConfig } from "../../baseline/read.ts";
import type { Job } from "../../schedule/job.ts";

export interface BaselinesConfig extends BaselineConfig {
  latenessMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** What is usual in the hour that comes, for pages to show, and for people to compare a finding with. */
export function baselines(config: BaselinesConfig): Job {
  return {
    name: "baselines",
    cron: "4 * * * *",
    stepMs: hourMs,
    windowMs: hourMs,
    latenessMs: config.latenessMs,
    async run({ store, window, nowMs }) {
      const kinds = window.toMs % dayMs === 0 ? entityKinds : entityKinds.filter((kind) => !pairKinds.includes(kind));
      const all = await readBaselines(store, { atMs: window.toMs, untilMs: window.toMs, asOfMs: nowMs, kinds }, config);
      await store.insert("baselines", all.map((baseline) => toRow(baseline, nowMs)));
      return { findings: [] };
    },
  };
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
