import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import { findingId, type Contributor, type Finding } from "../../findings/finding.ts";
import { readHealth, severityOf } from "../../findings/health.ts";
import { figure, findingTitle, ratio } from "../../findings/title.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { longestSpan, type Bucket } from "../../score/rate.ts";
import { dropExplained, findSpikes, type DenialSeries, type DenialThresholds, type Spike } from "./score.ts";

export interface DenialSpikesConfig extends DenialThresholds {
  historyMs: number;
  latenessMs: number;
  /** False discovery rate at which a person is woken. */
  pageFdr: number;
}

const bucketMs = 300_000;
const version = "1";

const seriesSql = loadSql(new URL("./denial-spikes.sql", import.meta.url));
const evidenceSql = loadSql(new URL("./evidence.sql", import.meta.url));
const contributorsSql = loadSql(new URL("./contributors.sql", import.meta.url));
const examplesSql = loadSql(new URL("./examples.sql", import.meta.url));

/** Agents and tools that are denied far more often than before. */
export function denialSpikes(config: DenialSpikesConfig): Job {
  return {
    name: "denial-spikes",
    cron: "*/5 * * * *",
    stepMs: bucketMs,
    windowMs: bucketMs,
    latenessMs: config.latenessMs,
    async run(context) {
      const { store, window } = context;
      const series = await readSeries(store, window.toMs - config.historyMs, window.toMs);
      const { spikes, tested } = findSpikes(series, config);
      const explained = await Promise.all(
        spikes.map(async (spike) => ({ spike, contributors: await readContributors(store, spike, rangeOf(spike, window.toMs, config)) })),
      );
      const findings = dropExplained(explained).map(({ spike, contributors }) => toFinding(context, config, spike, contributors, tested));
      return { findings: await Promise.all(findings) };
    },
  };
}

interface SeriesRow {
  entity_kind: "agent" | "tool";
  agent: string;
  server: string;
  tool: string;
  newest: [age: number, calls: number, denied: number][];
  history: [age: number, calls: number, denied: number][];
}

async function readSeries(store: Store, historyFromMs: number, windowEndMs: number): Promise<DenialSeries[]> {
  const rows = await store.query<SeriesRow>(seriesSql, { history_from_ms: historyFromMs, window_end_ms: windowEndMs, newest: longestSpan });
  return rows.map((row) => {
    const newest: Bucket[] = Array.from({ length: longestSpan }, () => ({ total: 0, hits: 0 }));
    for (const [age, total, hits] of row.newest) newest[longestSpan - 1 - age] = { total, hits };
    const history = row.history.map(([, total, hits]) => ({ total, hits }));
    return { entityKind: row.entity_kind, agent: row.agent, server: row.server, tool: row.tool, newest, history };
  });
}

/** The stretches of time that a spike compares, as the SQL files take them. */
function rangeOf(spike: Spike, windowEndMs: number, config: DenialSpikesConfig): Record<string, number> {
  return {
    history_from_ms: windowEndMs - config.historyMs,
    history_to_ms: windowEndMs - longestSpan * bucketMs,
    span_start_ms: windowEndMs - spike.span * bucketMs,
    window_end_ms: windowEndMs,
  };
}

const entityParams = ({ agent, server, tool }: DenialSeries): Record<string, string> => ({ agent, server, tool });

/** A value's excess is its denials beyond what its own denials before would give at the calls of now. */
async function readContributors(store: Store, spike: Spike, range: Record<string, number>): Promise<Contributor[]> {
  const rows = await store.query<{ dimension: string; value: string; denied: number; denied_before: number }>(contributorsSql, {
    ...range,
    ...entityParams(spike.series),
  });
  const own = spike.series.entityKind === "agent" ? ["agent"] : ["tool", "server"];
  const before = new Map<string, number>();
  for (const row of rows) before.set(row.dimension, (before.get(row.dimension) ?? 0) + row.denied_before);
  const excess = spike.denied - spike.expected;
  return rows
    .filter((row) => !own.includes(row.dimension))
    .map((row) => ({
      dimension: row.dimension,
      value: row.value,
      windowShare: row.denied / spike.denied,
      baselineShare: row.denied_before / Math.max(1, before.get(row.dimension)!),
      excessShare: (row.denied - (spike.calls * row.denied_before) / (spike.historyCalls + 10)) / excess,
    }))
    .sort((a, b) => b.excessShare - a.excessShare)
    .slice(0, 5);
}

async function toFinding(context: JobContext, config: DenialSpikesConfig, spike: Spike, contributors: Contributor[], tested: number): Promise<Finding> {
  const { store, window, nowMs } = context;
  const { series } = spike;
  const range = rangeOf(spike, window.toMs, config);
  const windowStartMs = window.toMs - spike.span * bucketMs;
  const entity = series.entityKind === "agent" ? series.agent : `${series.server}/${series.tool}`;
  const health = await readHealth(store, { historyFromMs: window.toMs - config.historyMs, windowStartMs, windowEndMs: window.toMs }, spike.coldStart);
  const examples = { span_start_ms: windowStartMs, window_end_ms: window.toMs, ...entityParams(series) };
  const [calls] = await store.query<{ first: string; worst: string; latest: string }>(examplesSql, examples);
  return {
    findingId: findingId("denial_spike", series.entityKind, entity, windowStartMs, window.toMs),
    detector: "denial_spike",
    detectorVersion: version,
    detectedAtMs: nowMs,
    windowStartMs,
    windowEndMs: window.toMs,
    entityKind: series.entityKind,
    entity,
    server: series.server,
    tool: series.tool,
    agent: series.agent,
    taskClass: "",
    severity: severityOf(spike.q <= config.pageFdr ? "page" : "ticket", health),
    score: spike.score,
    unit: "denials",
    actual: spike.denied,
    expected: spike.expected,
    expectedLow: spike.expectedLow,
    expectedHigh: spike.expectedHigh,
    sampleSize: spike.calls,
    title: findingTitle({
      metric: "Denials",
      entity,
      actual: figure(spike.denied),
      expected: figure(spike.expected),
      ratio: ratio(spike.denied, spike.expected),
      fromMs: windowStartMs,
      toMs: window.toMs,
    }),
    summary: summarise(spike, tested),
    contributors,
    callIds: calls === undefined ? [] : [...new Set([calls.first, calls.worst, calls.latest])],
    evidenceSql: evidenceSql.text,
    evidenceParams: { ...range, ...entityParams(series) },
    dataHealth: health,
  };
}

function summarise(s: Spike, tested: number): string {
  const percent = (x: number): string => `${figure(100 * x)}%`;
  return (
    `${s.denied} of ${s.calls} calls were denied (${percent(s.denied / s.calls)}); before, ${percent(s.usualRate)} were, ` +
    `over ${Math.round(s.historyCalls)} calls in ${s.historyBuckets} buckets of five minutes. ` +
    `That is ${figure(s.z)} deviations of an over-dispersed rate; chance ${s.p.toExponential(1)}, ` +
    `false discovery rate ${s.q.toExponential(1)} over ${tested} agents and tools.` +
    (s.coldStart ? " The history is short: cold start." : "")
  );
}
