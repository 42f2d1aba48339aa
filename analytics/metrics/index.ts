import type { Store } from "../../collector/store/client.ts";
import { metricDefinitions } from "./definition.ts";
import type { MetricPart } from "./parts.ts";

export { metricDefinitions, type MetricDefinition } from "./definition.ts";
export { computeParts, dimensions, partDefinitions, type Dimension, type MetricPart } from "./parts.ts";

export interface Period {
  fromMs: number;
  toMs: number;
}

/** One number as it was computed. `value` is null where there was nothing to measure. */
export interface MetricValue {
  metric: string;
  version: string;
  sqlSha256: string;
  period: Period;
  asOfMs: number;
  numerator: number;
  denominator: number;
  value: number | null;
  unit: string;
  /** Whatever else the definition's SQL returned, by column. */
  detail: Readonly<Record<string, unknown>>;
}

/** Computes the numbers for a period from what was stored at `asOfMs`; writes nothing. */
export async function computeMetrics(store: Store, period: Period, asOfMs: number): Promise<MetricValue[]> {
  const params: Record<string, number> = { period_start_ms: period.fromMs, period_end_ms: period.toMs, as_of_ms: asOfMs };
  const values: MetricValue[] = [];
  // One after the other: each may read all calls of the period, and the store has a limit for what all queries hold.
  for (const definition of metricDefinitions) {
    const taken = Object.fromEntries(Object.entries(params).filter(([name]) => definition.file.parameters.has(name)));
    const [row] = await store.query<{ numerator: number; denominator: number; value: number }>(definition.file, taken);
    const { numerator = 0, denominator = 0, value = 0, ...detail } = row ?? {};
    values.push({
      metric: definition.id,
      version: definition.version,
      sqlSha256: definition.sqlSha256,
      period,
      asOfMs,
      numerator,
      denominator,
      // A median that isn't reached, and a share of nothing, are no numbers.
      value: denominator === 0 || value < 0 || (definition.unit === "minutes" && numerator === 0) ? null : value,
      unit: definition.unit,
      detail,
    });
  }
  return values;
}

/**
 * Keeps numbers that were computed, and the parts of them where they are given. One computed later for the same period and
 * version takes the place of the earlier.
 */
export async function writeMetrics(store: Store, values: readonly MetricValue[], parts: readonly MetricPart[] = []): Promise<void> {
  const iso = (ms: number): string => new Date(ms).toISOString();
  await store.insert(
    "metric_values",
    values.map((v) => ({
      metric: v.metric,
      definition_version: v.version,
      sql_sha256: v.sqlSha256,
      period_start: iso(v.period.fromMs),
      period_end: iso(v.period.toMs),
      as_of: iso(v.asOfMs),
      numerator: v.numerator,
      denominator: v.denominator,
      value: v.value ?? 0,
      unit: v.unit,
      detail: JSON.stringify({ ...v.detail, measured: v.value !== null, ...(parts.length === 0 ? {} : { parts: partRows(parts, v.metric) }) }),
    })),
  );
}

const partRows = (parts: readonly MetricPart[], metric: string) =>
  parts.filter((part) => part.metric === metric).map((part) => [part.dimension, part.name, part.numerator, part.denominator, part.value, part.version]);
