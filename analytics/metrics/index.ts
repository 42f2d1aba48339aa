import type { Store } from "../../collector/store/client.ts";
import { readDefinition, type MetricDefinition } from "./definition.ts";

export type { MetricDefinition } from "./definition.ts";

/** The four leadership numbers, in the order in which a report shows them. */
export const metricDefinitions: readonly MetricDefinition[] = [
  "owner-and-tier",
  "explicit-policy-coverage",
  "time-to-investigate",
  "high-risk-exception-rate",
].map((name) => readDefinition(new URL(`./${name}.sql`, import.meta.url)));

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
  return await Promise.all(
    metricDefinitions.map(async (definition) => {
      const taken = Object.fromEntries(Object.entries(params).filter(([name]) => definition.file.parameters.has(name)));
      const [row] = await store.query<{ numerator: number; denominator: number; value: number }>(definition.file, taken);
      const { numerator = 0, denominator = 0, value = 0, ...detail } = row ?? {};
      return {
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
      };
    }),
  );
}

/** Keeps numbers that were computed. One computed later for the same period and version takes the place of the earlier. */
export async function writeMetrics(store: Store, values: readonly MetricValue[]): Promise<void> {
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
      detail: JSON.stringify({ ...v.detail, measured: v.value !== null }),
    })),
  );
}
