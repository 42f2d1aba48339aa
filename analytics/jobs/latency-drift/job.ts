import { readIncidentHours, stretchesOf } from "../../baseline/incidents.ts";
import { readBaselines, type BaselineConfig } from "../../baseline/read.ts";
import type { Store } from "../../../collector/store/client.ts";
import { loadSql } from "../../../collector/store/sql-file.ts";
import { findingId, type Contributor, type Finding } from "../../findings/finding.ts";
import { readHealth, severityOf } from "../../findings/health.ts";
import { figure, findingTitle, ratio } from "../../findings/title.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { decades } from "../../score/rate.ts";
import { beyondSeason, entityOf, findDrifts, groupByServer, type Drift, type LatencyComparison, type LatencyThresholds } from "./score.ts";

export interface LatencyDriftConfig extends LatencyThresholds {
  recentMs: number;
  baselineMs: number;
  latenessMs: number;
  /** Steps of five minutes with calls, below which the baseline is called a cold start. */
  warmSteps: number;
}

const stepMs = 300_000;
const maxStretches = 100;
const version = "2";

const comparisonSql = loadSql(new URL("./latency-drift.sql", import.meta.url));
const evidenceSql = loadSql(new URL("./evidence.sql", import.meta.url));
const contributorsSql = loadSql(new URL("./contributors.sql", import.meta.url));
const examplesSql = loadSql(new URL("./examples.sql", import.meta.url));

/** Tools and servers whose answers take longer than before. */
export function latencyDrift(config: LatencyDriftConfig, baselines: BaselineConfig): Job {
  return {
    name: "latency-drift",
    cron: "*/5 * * * *",
    stepMs,
    windowMs: config.recentMs,
    latenessMs: config.latenessMs,
    async run(context) {
      const { store, window } = context;
      const { as_of_ms, ...range } = rangeOf(context, config);
      const rows = await store.query<ComparisonRow>(comparisonSql, {
        ...range,
        ...(await leftOut(store, as_of_ms, range)),
        min_recent: config.minRecentCalls,
        min_baseline: config.minBaselineCalls,
      });
      const comparisons = rows.map(fromRow);
      const { drifts, tested } = findDrifts(comparisons, config);
      const kept = groupByServer(await unseasonal(context, drifts, config, baselines), comparisons, config);
      context.logger.debug({ tested, drifts: drifts.length, windowEnd: window.toMs }, "latency compared");
      return { findings: await Promise.all(kept.map((drift) => toFinding(context, config, drift, tested))) };
    },
  };
}

/** The baselines are read only where something drifted, since they can only take drifts away. */
async function unseasonal({ store, window, nowMs }: JobContext, drifts: readonly Drift[], config: LatencyDriftConfig, baselines: BaselineConfig): Promise<readonly Drift[]> {
  if (drifts.length === 0) return drifts;
  const question = { atMs: window.fromMs, untilMs: window.fromMs, asOfMs: nowMs, metrics: ["upstream_ms"], kinds: ["tool", "server"] } as const;
  return beyondSeason(drifts, (await readBaselines(store, question, baselines)).map(({ own }) => own), config);
}

interface ComparisonRow {
  entity_kind: "tool" | "server";
  server: string;
  tool: string;
  recent_calls: number;
  baseline_calls: number;
  p50_ms: number;
  base_p50_ms: number;
  base_p10_ms: number;
  base_p90_ms: number;
  p90_ms: number;
  proxy_p50_ms: number;
  base_proxy_p50_ms: number;
  rank_p: number;
  baseline_steps: number;
}

function fromRow(row: ComparisonRow): LatencyComparison {
  return {
    entityKind: row.entity_kind,
    server: row.server,
    tool: row.tool,
    recentCalls: row.recent_calls,
    baselineCalls: row.baseline_calls,
    p50Ms: row.p50_ms,
    baseP50Ms: row.base_p50_ms,
    baseP10Ms: row.base_p10_ms,
    baseP90Ms: row.base_p90_ms,
    p90Ms: row.p90_ms,
    rankP: row.rank_p,
    proxyP50Ms: row.proxy_p50_ms,
    baseProxyP50Ms: row.base_proxy_p50_ms,
    baselineSteps: row.baseline_steps,
  };
}

/** Stretches of hours of known incidents, by whose they are. They go with the query's address, which has an end. */
async function leftOut(store: Store, asOfMs: number, range: { baseline_from_ms: number; recent_from_ms: number }): Promise<Record<"out_marks" | "out_from" | "out_to", (string | number)[]>> {
  const incidents = await readIncidentHours(store, { asOfMs, fromMs: range.baseline_from_ms, toMs: range.recent_from_ms });
  const stretches = [...incidents].flatMap(([mark, hours]) => (/^tools?( of)?:|^server:/.test(mark) ? stretchesOf([...hours.keys()]).map((hoursOut) => ({ mark, ...hoursOut })) : []));
  const kept = stretches.slice(0, maxStretches);
  return { out_marks: kept.map((s) => s.mark), out_from: kept.map((s) => s.from), out_to: kept.map((s) => s.to) };
}

function rangeOf({ window, nowMs }: JobContext, config: LatencyDriftConfig) {
  return { baseline_from_ms: window.fromMs - config.baselineMs, recent_from_ms: window.fromMs, window_end_ms: window.toMs, as_of_ms: nowMs };
}

async function toFinding(context: JobContext, config: LatencyDriftConfig, drift: Drift, tested: number): Promise<Finding> {
  const { store, window, nowMs } = context;
  const { comparison: c, moved } = drift;
  const range = rangeOf(context, config);
  const [actual, expected] = moved === "p50" ? [c.p50Ms, c.baseP50Ms] : [c.p90Ms, c.baseP90Ms];
  const entity = entityOf(c);
  const of = { server: c.server, tool: c.tool };
  const coldStart = c.baselineSteps < config.warmSteps;
  const health = await readHealth(context, { historyFromMs: range.baseline_from_ms, windowStartMs: window.fromMs, windowEndMs: window.toMs }, coldStart);
  const contributors = await store.query<{ dimension: string; value: string; window_share: number; baseline_share: number; excess_share: number }>(
    contributorsSql,
    { ...range, ...of, expected_us: c.baseP50Ms * 1000 },
  );
  const [calls] = await store.query<{ first: string; worst: string; latest: string }>(examplesSql, {
    recent_from_ms: window.fromMs,
    window_end_ms: window.toMs,
    ...of,
    over_us: c.baseP90Ms * 1000,
  });
  return {
    findingId: findingId("latency_drift", c.entityKind, entity, window.fromMs, window.toMs),
    detector: "latency_drift",
    detectorVersion: version,
    detectedAtMs: nowMs,
    windowStartMs: window.fromMs,
    windowEndMs: window.toMs,
    entityKind: c.entityKind,
    entity,
    server: c.server,
    tool: c.tool,
    agent: "",
    taskClass: "",
    severity: severityOf("ticket", health),
    score: decades(drift.p),
    unit: "ms",
    actual,
    expected,
    expectedLow: c.baseP10Ms,
    expectedHigh: c.baseP90Ms,
    sampleSize: c.recentCalls,
    title: findingTitle({
      metric: `Upstream ${moved}`,
      entity,
      actual: `${figure(actual)} ms`,
      expected: `${figure(expected)} ms`,
      ratio: ratio(actual, expected),
      fromMs: window.fromMs,
      toMs: window.toMs,
    }),
    summary: summarise(drift, tested, coldStart),
    contributors: contributors.map(
      (row): Contributor => ({
        dimension: row.dimension,
        value: row.value,
        windowShare: row.window_share,
        baselineShare: row.baseline_share,
        excessShare: row.excess_share,
      }),
    ),
    callIds: calls === undefined ? [] : [...new Set([calls.first, calls.worst, calls.latest])].filter((id) => id !== ""),
    evidenceSql: evidenceSql.text,
    evidenceParams: { ...range, ...of, quantile: moved === "p50" ? 0.5 : 0.9 },
    dataHealth: health,
  };
}

function summarise({ comparison: c, moved, p, q, proxyMoved }: Drift, tested: number, coldStart: boolean): string {
  const own = `${figure(c.proxyP50Ms)} ms now, ${figure(c.baseProxyP50Ms)} ms before`;
  return (
    `Upstream median ${figure(c.p50Ms)} ms over ${c.recentCalls} calls, ${figure(c.baseP50Ms)} ms over the ${c.baselineCalls} before; ` +
    `p90 ${figure(c.p90Ms)} ms, ${figure(c.baseP90Ms)} ms before. ` +
    (moved === "p90" ? "Only the slow end moved. " : "") +
    `Rank test: chance ${p.toExponential(1)}, false discovery rate ${q.toExponential(1)} over ${tested} tools and servers. ` +
    (proxyMoved ? `The proxy's own time rose too (${own}): look at the proxy first.` : `The proxy's own time did not move (${own}).`) +
    (coldStart ? " The history is short: cold start." : "")
  );
}
