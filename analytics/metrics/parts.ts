import type { Store } from "../../collector/store/client.ts";
import { metricDefinitions, readDefinition, type MetricDefinition } from "./definition.ts";
import type { Period } from "./index.ts";

export const dimensions = ["team", "server", "environment"] as const;
export type Dimension = (typeof dimensions)[number];

/** A leadership number of one team, server or environment. `value` is null where there was nothing to measure. */
export interface MetricPart {
  metric: string;
  version: string;
  dimension: Dimension;
  /** '' where there is none: no owner, or no environment. */
  name: string;
  numerator: number;
  denominator: number;
  value: number | null;
}

/** How each number is taken apart, under its own version: a file of the same name beside the number's definition. */
export const partDefinitions: readonly MetricDefinition[] = metricDefinitions.map(({ id }) => readDefinition(new URL(`./parts/${id.replaceAll("_", "-")}.sql`, import.meta.url)));

/** The numbers of a period by team, server and environment, from what was stored at `asOfMs`; writes nothing. */
export async function computeParts(store: Store, period: Period, asOfMs: number): Promise<MetricPart[]> {
  const params: Record<string, number> = { period_start_ms: period.fromMs, period_end_ms: period.toMs, as_of_ms: asOfMs };
  const parts: MetricPart[] = [];
  // One after the other: each may read all calls of the period.
  for (const definition of partDefinitions) {
    const taken = Object.fromEntries(Object.entries(params).filter(([name]) => definition.file.parameters.has(name)));
    const rows = await store.query<{ dimension: Dimension; name: string; numerator: number; denominator: number; value: number }>(definition.file, taken);
    for (const row of rows) {
      const nothing = row.value < 0 || (definition.unit === "minutes" && row.numerator === 0);
      parts.push({ ...row, metric: definition.id, version: definition.version, value: nothing ? null : row.value });
    }
  }
  return parts;
}
