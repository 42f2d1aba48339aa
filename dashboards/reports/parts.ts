import { computeParts, dimensions, partDefinitions, type MetricPart } from "../../analytics/index.ts";
import type { Range } from "../range.ts";
import { num, select, type Store } from "../rows.ts";
import { loadDefinition } from "./definition.ts";
import type { ReportPart } from "./report.ts";

const week = 7 * 24 * 3600_000;
const listed = 10;
/** Fewer calls than this say little about a team, whatever their share is. */
const fewCalls = 20;

/** The numbers by team, server and environment: now, in the period before, and as they were kept, a point a week. */
export async function readParts(store: Store, range: Range, before: Range, nowMs: number): Promise<ReportPart[]> {
  const current = await computeParts(store, range, nowMs);
  const previous = await computeParts(store, before, nowMs);
  const kept = await select<Record<string, unknown>>(store, "part-history", { since_ms: range.toMs - 13 * week, until_ms: range.toMs });
  return toParts(current, previous, kept);
}

const key = (metric: unknown, dimension: unknown, name: unknown): string => JSON.stringify([metric, dimension, name]);

/** The busiest names of each dimension; those with few calls stand last. */
export function toParts(current: readonly MetricPart[], previous: readonly MetricPart[], kept: readonly Record<string, unknown>[]): ReportPart[] {
  const metrics = loadDefinition("leadership").metrics.map((m) => m.id);
  const versions = new Map(partDefinitions.map((d) => [d.id, d.version]));
  const before = new Map(previous.map((p) => [key(p.metric, p.dimension, p.name), p]));
  const now = new Map(current.map((p) => [key(p.metric, p.dimension, p.name), p]));
  const history = Map.groupBy(kept.filter((row) => row.version === versions.get(String(row.metric))), (row) => key(row.metric, row.dimension, row.name));
  return dimensions.map((dimension) => {
    const names = [...new Set(current.filter((p) => p.dimension === dimension).map((p) => p.name))];
    const calls = (name: string): number => now.get(key("explicit_policy_coverage", dimension, name))?.denominator ?? 0;
    names.sort((a, b) => Number(a === "") - Number(b === "") || calls(b) - calls(a) || (a < b ? -1 : 1));
    const rows = names.slice(0, listed).map((name) => ({
      name,
      few: calls(name) < fewCalls,
      cells: metrics.map((metric) => {
        const [here, then] = [now.get(key(metric, dimension, name)), before.get(key(metric, dimension, name))];
        const points = history.get(key(metric, dimension, name)) ?? [];
        return {
          metric,
          value: here?.value ?? null,
          numerator: here?.numerator ?? 0,
          denominator: here?.denominator ?? 0,
          previous: then?.value ?? null,
          previousDenominator: then?.denominator ?? 0,
          history: points.map((row) => ({ endMs: num(row.period_end_ms), value: num(row.value), denominator: num(row.denominator) })),
        };
      }),
    }));
    return { dimension, rows, more: Math.max(0, names.length - listed) };
  });
}
