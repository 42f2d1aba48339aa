import { computeMetrics, type MetricValue } from "../../analytics/index.ts";
import type { Range } from "../range.ts";
import { num, select, type Store } from "../rows.ts";
import { loadDefinition, type MetricDefinition } from "./definition.ts";
import { keptMetrics, type KeptMetric } from "./metrics.ts";
import { offendersOf, readBehind, type Behind } from "./offenders.ts";
import { readParts } from "./parts.ts";
import { describePeriod } from "./period.ts";
import { reportSchema, type Report, type ReportMetric } from "./report.ts";

const day = 24 * 3600_000;
const listed = 10;

export interface ReportDeps {
  readonly store: Store;
  readonly nowMs: number;
  readonly timeZone: string;
  /** What links begin with; empty keeps them relative to the console. */
  readonly consoleUrl?: string;
}

/** The whole report as data. Rendering it later gives the same numbers, whatever the tables say by then. */
export async function buildReport(deps: ReportDeps, range: Range): Promise<Report> {
  const { store, nowMs, timeZone } = deps;
  const definition = loadDefinition("leadership");
  const before = { fromMs: range.fromMs - (range.toMs - range.fromMs), toMs: range.fromMs };
  const params = { from_ms: range.fromMs, to_ms: range.toMs };
  const [current, previous, kept, behind, totals, producers] = await Promise.all([
    computeMetrics(store, range, nowMs),
    computeMetrics(store, before, nowMs),
    keptMetrics(store, range.toMs - 13 * 7 * day, range.toMs),
    readBehind(store, range, nowMs),
    select<Record<string, unknown>>(store, "totals", params),
    select<Record<string, unknown>>(store, "producers", params),
  ]);
  const parts = await readParts(store, range, before, nowMs);
  const metrics = definition.metrics.map((d) => metric(d, { current, previous, kept, behind, range, consoleUrl: deps.consoleUrl ?? "" }));
  const newestMs = Math.max(0, ...producers.map((p) => num(p.newest_ms)));
  return reportSchema.parse({
    id: definition.id,
    definitionVersion: definition.version,
    title: definition.title,
    from: new Date(range.fromMs).toISOString(),
    to: new Date(range.toMs).toISOString(),
    timeZone,
    period: describePeriod(range, timeZone),
    asOf: new Date(nowMs).toISOString(),
    metrics,
    parts,
    changes: metrics.map(sentence).filter((s) => s !== null).slice(0, 5),
    incidents: behind.incidentCounts,
    coverage: {
      calls: num(totals[0]?.total),
      missingRecords: producers.reduce((sum, p) => sum + num(p.last_seq) - num(p.first_seq) + 1 - num(p.present), 0),
      newestCall: newestMs > 0 ? new Date(newestMs).toISOString() : "",
    },
  });
}

interface Sources {
  readonly current: readonly MetricValue[];
  readonly previous: readonly MetricValue[];
  readonly kept: readonly KeptMetric[];
  readonly behind: Behind;
  readonly range: Range;
  readonly consoleUrl: string;
}

function metric(d: MetricDefinition, from: Sources): ReportMetric {
  const now = from.current.find((v) => v.metric === d.id);
  const before = from.previous.find((v) => v.metric === d.id);
  const value = now?.value ?? null;
  const offenders = offendersOf(d.id, from.behind, from.range, from.consoleUrl);
  return {
    id: d.id,
    title: d.title,
    unit: d.unit,
    better: d.better,
    value,
    numerator: now?.numerator ?? 0,
    denominator: now?.denominator ?? 0,
    target: d.target,
    status: value === null ? "no data" : (d.better === "up" ? value >= d.target : value <= d.target) ? "on target" : "off target",
    previous: before?.value ?? null,
    previousDenominator: before?.denominator ?? 0,
    history: weekly(from.kept.filter((v) => v.metric === d.id && v.version === d.version), from.range.toMs),
    definition: d.definition,
    definitionVersion: d.version,
    sqlSha256: d.sqlSha256,
    offendersTitle: d.offenders,
    action: d.action,
    offenders: offenders.slice(0, listed),
    moreOffenders: Math.max(0, offenders.length - listed),
  };
}

/** One kept value a week, at most 13, going back from the period's end: the last one computed in each of those weeks. */
function weekly(kept: readonly KeptMetric[], endMs: number): ReportMetric["history"] {
  const points: ReportMetric["history"] = [];
  for (let week = 12; week >= 0; week--) {
    const [from, to] = [endMs - (week + 1) * 7 * day, endMs - week * 7 * day];
    const last = kept.findLast((v) => v.value !== null && v.periodEndMs > from && v.periodEndMs <= to);
    if (last) points.push({ endMs: last.periodEndMs, value: last.value!, denominator: last.denominator });
  }
  return points;
}

/** How far a number moved, with its sign. */
export const formatChange = (value: number, previous: number, unit: ReportMetric["unit"]): string =>
  unit === "percent" ? `${value >= previous ? "+" : "-"}${Math.abs((value - previous) * 100).toFixed(1)}` : `${value >= previous ? "+" : "-"}${formatValue(Math.abs(value - previous), unit)}`;

export const formatValue = (value: number, unit: ReportMetric["unit"]): string => (unit === "percent" ? `${(value * 100).toFixed(1)}%` : value >= 120 ? `${(value / 60).toFixed(1)} h` : `${value.toFixed(0)} min`);

/** What changed, with both numbers and how many things each stands on. */
function sentence(m: ReportMetric): string | null {
  if (m.value === null || m.previous === null || m.value === m.previous) return null;
  const better = m.value > m.previous === (m.better === "up");
  const delta = m.unit === "percent" ? `${Math.abs((m.value - m.previous) * 100).toFixed(1)} points` : formatValue(Math.abs(m.value - m.previous), m.unit);
  const cause = m.offenders[0] ? ` Largest open item: ${m.offenders[0].name} (${m.offenders[0].detail}).` : "";
  return `${m.title}: ${formatValue(m.value, m.unit)} from ${formatValue(m.previous, m.unit)}, ${delta} ${better ? "better" : "worse"} (n = ${m.denominator}, before ${m.previousDenominator}).${better ? "" : cause}`;
}
