import { loadSql, type SqlFile, type SqlParams } from "../../collector/store/sql-file.ts";
import type { Store } from "../../collector/store/client.ts";
import { hoursOutOf, readIncidentHours, type IncidentHours } from "./incidents.ts";
import { entityKinds, metrics as allMetrics, pairKinds, type EntityHours, type EntityKind, type Metric } from "./metrics.ts";
import { learn, toBaselines, type Baseline, type Learnt, type ModelLimits } from "./model.ts";

const hoursSql = loadSql(new URL("./hours.sql", import.meta.url));
const pairHoursSql = loadSql(new URL("./pair-hours.sql", import.meta.url));
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
  /** Of the pairs only those of this slice (0 to pairSlices - 1); they are whole families, so they are what they are among all. */
  readonly pairSlice?: number;
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
  const { metrics = allMetrics, kinds: asked = entityKinds, pairSlice } = question;
  const hour = Math.floor(question.atMs / hourMs);
  const to = Math.min(hour, Math.floor(question.untilMs / hourMs));
  const range = { from: to - Math.floor(config.historyMs / hourMs), to };
  const incidents = await readIncidentHours(store, { asOfMs: question.asOfMs, fromMs: range.from * hourMs, toMs: range.to * hourMs });
  const all: Learnt[] = [];
  const latency = metrics.some((metric) => metric === "upstream_ms" || metric === "upstream_p95_ms");
  for (const { sql, params } of readingsOf(asked, pairSlice, latency)) {
    const rows = store.stream<HoursRow>(sql, { from_ms: range.from * hourMs, to_ms: range.to * hourMs, ...params });
    for await (const batch of rows) {
      for (const row of batch) {
        const hours = toHours(row, incidents);
        for (const metric of metrics) {
          const learnt = learn(hours, metric, hour, range, config);
          if (learnt !== undefined) all.push(learnt);
        }
      }
    }
  }
  return toBaselines(all, config);
}

/** Of many agents and tools there are so many pairs that they fall into slices, as pair-hours.sql makes them. */
export const pairSlices = 12;
/** So many slices fit in a query's memory at a hundred million calls. */
const slicesAtOnce = 2;

function readingsOf(kinds: readonly EntityKind[], only: number | undefined, latency: boolean): { sql: SqlFile; params: SqlParams }[] {
  const single = kinds.filter((kind) => !pairKinds.includes(kind));
  const pairs = kinds.filter((kind) => pairKinds.includes(kind));
  const slices = only === undefined ? Array.from({ length: pairSlices / slicesAtOnce }, (_, i) => [i * slicesAtOnce, i * slicesAtOnce + 1]) : [[only]];
  return [
    ...(single.length > 0 ? [{ sql: hoursSql, params: { kinds: single, latency } }] : []),
    ...(pairs.length > 0 ? slices.map((some) => ({ sql: pairHoursSql, params: { kinds: pairs, slices: some } })) : []),
  ];
}

function toHours({ kind, entity, parent_kind, parent, hours, latencies }: HoursRow, incidents: IncidentHours): EntityHours {
  return { kind, entity, parentKind: parent_kind, parent, hours, latencies, leftOut: hoursOutOf(incidents, { kind, entity, parent }) };
}
