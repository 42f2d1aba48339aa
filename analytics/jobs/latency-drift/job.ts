import { readIncidentHours, stretchesOf } from "../../baseline/incidents.ts";
import { readBaselines, type BaselineConfig } from "../../baseline/read.ts";
import type { Store } from "../../../collector/store/client.ts";
import { loadSql } from "../../../collector/store/sql-file.ts";
import { findingId, type Contributor, type Finding } from "../../findings/finding.ts";
import { readHealth, severityOf } from "../../findings/health.ts";
import { figure, findingTitle, ratio } from "../../findings/title.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { decades } from "../../score/rate.ts";
import { addedMs, beyondSeason, entityOf, findDrifts, groupByServer, nowAndBefore, type Drift, type LatencyComparison, type LatencyThresholds, type Times } from "./score.ts";

export interface LatencyDriftConfig extends LatencyThresholds {
  recentMs: number;
  baselineMs: number;
  latenessMs: number;
  /** Steps of five minutes with calls, below which the baseline is called a cold start. */
  warmSteps: number;
}

const stepMs = 300_000;
const maxStretches = 100;
const version = "3";

const comparisonSql = loadSql(new URL("./latency-drift.sql", import.meta.url));
const evidenceSql = loadSql(new URL("./evidence.sql", import.meta.url));
const contributorsSql = loadSql(new URL("./contributors.sql", import.meta.url));
const examplesSql = loadSql(new URL("./examples.sql", import.meta.url));

/** Tools and servers whose answers take longer than before, and whose time it is that was added. */
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
  if (!drifts.some(({ spender }) => spender === "upstream")) return drifts;
  const question = { atMs: window.fromMs, untilMs: window.fromMs, asOfMs: nowMs, metrics: ["upstream_ms"], kinds: ["tool", "server"] } as const;
  return beyondSeason(drifts, (await readBaselines(store, question, baselines)).map(({ own }) => own), config);
}

interface ComparisonRow {
  entity_kind: "tool" | "server";
  server: string;
  tool: string;
  recent_calls: number;
  baseline_calls: number;
  upstream_ms: number[];
  proxy_ms: number[];
  upstream_rank_p: number;
  proxy_rank_p: number;
  baseline_steps: number;
}

function fromRow(row: ComparisonRow): LatencyComparison {
  return {
    entityKind: row.entity_kind,
    server: row.server,
    tool: row.tool,
    recentCalls: row.recent_calls,
    baselineCalls: row.baseline_calls,
    upstream: timesOf(row.upstream_ms, row.upstream_rank_p),
    proxy: timesOf(row.proxy_ms, row.proxy_rank_p),
    baselineSteps: row.baseline_steps,
  };
}

function timesOf([p50Ms, p90Ms, baseP10Ms, baseP50Ms, baseP90Ms]: number[], rankP: number): Times {
  return { p50Ms: p50Ms!, p90Ms: p90Ms!, baseP10Ms: baseP10Ms!, baseP50Ms: baseP50Ms!, baseP90Ms: baseP90Ms!, rankP };
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
  const { comparison: c, spender, moved } = drift;
  const times = c[spender];
  const range = rangeOf(context, config);
  const [actual, expected] = nowAndBefore(times, moved);
  const entity = entityOf(c);
  const of = { server: c.server, tool: c.tool, spender };
  const coldStart = c.baselineSteps < config.warmSteps;
  const health = await readHealth(context, { historyFromMs: range.baseline_from_ms, windowStartMs: window.fromMs, windowEndMs: window.toMs }, coldStart);
  const contributors = await store.query<{ dimension: string; value: string; window_share: number; baseline_share: number; excess_share: number }>(
    contributorsSql,
    { ...range, ...of, expected_us: times.baseP50Ms * 1000 },
  );
  const [calls] = await store.query<{ first: string; worst: string; latest: string }>(examplesSql, {
    recent_from_ms: window.fromMs,
    window_end_ms: window.toMs,
    ...of,
    over_us: times.baseP90Ms * 1000,
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
    expectedLow: times.baseP10Ms,
    expectedHigh: times.baseP90Ms,
    sampleSize: c.recentCalls,
    title: findingTitle({
      metric: spender === "upstream" ? `Upstream ${moved}` : `Proxy's own time (queueing) ${moved}`,
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

function summarise(drift: Drift, tested: number, coldStart: boolean): string {
  const { comparison: c, spender, moved, p, q } = drift;
  const other = spender === "upstream" ? "proxy" : "upstream";
  const [added, beside] = [addedMs(drift), addedMs({ ...drift, spender: other })];
  const [whose, others] = spender === "upstream" ? ["the upstream's", "the proxy's own"] : ["the proxy's own: calls queue or are worked on here", "the upstream's"];
  return (
    `${timesText("Upstream", c.upstream)} over ${c.recentCalls} calls and the ${c.baselineCalls} before. ${timesText("The proxy's own time", c.proxy)}. ` +
    (moved === "p90" ? "Only the slow end moved. " : "") +
    `Of ${figure(added + beside)} ms that were added at ${moved}, ${figure(added)} ms are ${whose}, ${figure(beside)} ms ${others}. ` +
    `Rank test: chance ${p.toExponential(1)}, false discovery rate ${q.toExponential(1)} over ${tested} tools and servers.` +
    (coldStart ? " The history is short: cold start." : "")
  );
}

const timesText = (whose: string, t: Times): string =>
  `${whose} p50 ${figure(t.p50Ms)} ms, ${figure(t.baseP50Ms)} ms before, p90 ${figure(t.p90Ms)} ms, ${figure(t.baseP90Ms)} ms before`;
