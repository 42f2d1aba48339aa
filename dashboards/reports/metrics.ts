import { num, select, type Store } from "../rows.ts";
import { loadDefinition } from "./definition.ts";

/** A number as it was computed and kept. `value` is null where there was nothing to measure. */
export interface KeptMetric {
  readonly metric: string;
  readonly version: string;
  readonly periodStartMs: number;
  readonly periodEndMs: number;
  readonly numerator: number;
  readonly denominator: number;
  readonly value: number | null;
}

const weeks13 = 91 * 24 * 3600_000;

/** Every kept value whose period ends in the time given, oldest first. */
export async function keptMetrics(store: Store, sinceMs: number, untilMs: number): Promise<KeptMetric[]> {
  const rows = await select<Record<string, unknown>>(store, "metric-history", { since_ms: sinceMs, until_ms: untilMs });
  return rows.map((r) => ({
    metric: String(r.metric),
    version: String(r.definition_version),
    periodStartMs: num(r.period_start_ms),
    periodEndMs: num(r.period_end_ms),
    numerator: num(r.numerator),
    denominator: num(r.denominator),
    value: num(r.measured) === 1 ? num(r.value) : null,
  }));
}

/** The four numbers for cards: the newest value of each, and a line of at most 60 points behind it. */
export async function metricSeries(store: Store, nowMs: number) {
  const kept = await keptMetrics(store, nowMs - weeks13, nowMs + 24 * 3600_000);
  return loadDefinition("leadership").metrics.map((d) => {
    const own = kept.filter((v) => v.metric === d.id && v.version === d.version);
    const last = own.at(-1);
    return {
      id: d.id,
      title: d.short,
      unit: d.unit,
      better: d.better,
      target: d.target,
      definition: d.definition,
      value: last?.value ?? null,
      numerator: last?.numerator ?? 0,
      denominator: last?.denominator ?? 0,
      periodStartMs: last?.periodStartMs ?? null,
      periodEndMs: last?.periodEndMs ?? null,
      version: d.version,
      history: thin(own.map((v) => v.value).filter((v) => v !== null), 60),
    };
  });
}

export function thin(values: readonly number[], most: number): number[] {
  if (values.length <= most) return [...values];
  return Array.from({ length: most }, (_, i) => values[Math.round((i * (values.length - 1)) / (most - 1))]!);
}
