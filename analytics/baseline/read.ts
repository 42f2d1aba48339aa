import { loadSql } from "../../collector/store/sql-file.ts";
import type { Store } from "../../collector/store/client.ts";
import { hoursOutOf, readIncidentHours, type IncidentHours } from "./incidents.ts";
import { entityKinds, metrics as allMetrics, pairKinds, type EntityHours, type EntityKind, type Metric } from "./metrics.ts";
import { learn, toBaselines, type Baseline, type Learnt, type ModelLimits } from "./model.ts";

const hoursSql = loadSql(new URL("./hours.sql", import.meta.url));
const hourMs = 3_600_000;

export interface BaselineConfig extends ModelLimits {
  historyMs: number;
}

export interface BaselineQuestion {
  /** The hour asked about is the one that this is in; only hours before `untilMs` and before that hour are learnt from. */
  readonly atMs: number;
  readonly untilMs: number;
  /** Incidents count as far as they were known then. */
  readonly asOfMs: number;
  readonly metrics?: readonly Metric[];
  /** These and their parents; all without. */
  readonly kinds?: readonly EntityKind[];
}

interface HoursRow {
  kind: EntityKind;
  entity: string;
  parent_kind: EntityKind | "";
  parent: string;
  hours: [number, number, number, number, number][];
  latencies: [number, number, number, number][];
}

/**
 * Baselines of everything, computed from the rollups: whoever asks about the past gets what would have been said then.
 * What is held at once is a summary an entity and metric; their hours pass by.
 */
export async function readBaselines(store: Store, question: BaselineQuestion, config: BaselineConfig): Promise<Baseline[]> {
  const { metrics = allMetrics, kinds = entityKinds } = question;
  const hour = Math.floor(question.atMs / hourMs);
  const to = Math.min(hour, Math.floor(question.untilMs / hourMs));
  const range = { from: to - Math.floor(config.historyMs / hourMs), to };
  const incidents = await readIncidentHours(store, { asOfMs: question.asOfMs, fromMs: range.from * hourMs, toMs: range.to * hourMs });
  const all: Learnt[] = [];
  const latency = metrics.some((metric) => metric === "upstream_ms" || metric === "upstream_p95_ms");
  for (const part of partsOf(kinds)) {
    const rows = store.stream<HoursRow>(hoursSql, { from_ms: range.from * hourMs, to_ms: range.to * hourMs, ...part, latency });
    for await (const batch of rows) {
      for (const row of batch) {
        for (const metric of metrics) {
          const learnt = learn(toHours(row, incidents), metric, hour, range, config);
          if (learnt !== undefined) all.push(learnt);
        }
      }
    }
  }
  return toBaselines(all, config);
}

/** Of many agents and tools there are so many pairs that they are read in slices. */
const pairSlices = 4;

function partsOf(kinds: readonly EntityKind[]): { kinds: readonly EntityKind[]; slices: number; slice: number }[] {
  const single = kinds.filter((kind) => !pairKinds.includes(kind));
  const pairs = kinds.filter((kind) => pairKinds.includes(kind));
  return [
    ...(single.length > 0 ? [{ kinds: single, slices: 1, slice: 0 }] : []),
    ...pairs.flatMap((kind) => Array.from({ length: pairSlices }, (_, slice) => ({ kinds: [kind], slices: pairSlices, slice }))),
  ];
}

function toHours({ kind, entity, parent_kind, parent, hours, latencies }: HoursRow, incidents: IncidentHours): EntityHours {
  return { kind, entity, parentKind: parent_kind, parent, hours, latencies, leftOut: hoursOutOf(incidents, { kind, entity, parent }) };
}
