import type { SqlFile } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import { compose } from "../../findings/compose.ts";
import type { Contributor, Finding } from "../../findings/finding.ts";
import { figure } from "../../findings/title.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { longestSpan, type Bucket } from "../../score/rate.ts";
import { dropExplained, findSpikes, type RateSeries, type Spike, type SpikeThresholds } from "../../score/spikes.ts";

export interface RateSpikesConfig extends SpikeThresholds {
  historyMs: number;
  latenessMs: number;
  /** False discovery rate at which a person is woken. */
  pageFdr: number;
}

/** What is counted, and how it is spoken of. The rest is one and the same for denials and errors. */
export interface CountedAs {
  job: string;
  detector: Finding["detector"];
  /** `Denials` */
  metric: string;
  /** `denials` */
  unit: string;
  /** `were denied` */
  verb: string;
  /** `agents and tools` */
  among: string;
  series: SqlFile;
  evidence: SqlFile;
  contributors: SqlFile;
  examples: SqlFile;
}

const bucketMs = 300_000;
const version = "1";

/** Entities of which far more calls are hits than before, by the over-dispersed rate. */
export function rateSpikes(counted: CountedAs, config: RateSpikesConfig): Job {
  return {
    name: counted.job,
    cron: "*/5 * * * *",
    stepMs: bucketMs,
    windowMs: bucketMs,
    latenessMs: config.latenessMs,
    async run(context) {
      const { store, window } = context;
      const series = await readSeries(store, counted, window.toMs - config.historyMs, window.toMs);
      const { spikes, tested } = findSpikes(series, config);
      const explained = await explain(store, counted, spikes, window.toMs, config);
      const findings = dropExplained(explained).map(({ spike, contributors }) => toFinding(context, counted, config, spike, contributors, tested));
      return { findings: await Promise.all(findings) };
    },
  };
}

interface SeriesRow {
  entity_kind: RateSeries["entityKind"];
  agent: string;
  server: string;
  tool: string;
  newest: [age: number, calls: number, hits: number][];
  history: [age: number, calls: number, hits: number][];
}

async function readSeries(store: Store, counted: CountedAs, historyFromMs: number, windowEndMs: number): Promise<RateSeries[]> {
  const rows = await store.query<SeriesRow>(counted.series, { history_from_ms: historyFromMs, window_end_ms: windowEndMs, newest: longestSpan });
  return rows.map((row) => {
    const newest: Bucket[] = Array.from({ length: longestSpan }, () => ({ total: 0, hits: 0 }));
    for (const [age, total, hits] of row.newest) newest[longestSpan - 1 - age] = { total, hits };
    const history = row.history.map(([, total, hits]) => ({ total, hits }));
    return { entityKind: row.entity_kind, agent: row.agent, server: row.server, tool: row.tool, newest, history };
  });
}

/** The stretches of time that a spike compares, as the SQL files take them. */
function rangeOf(spike: Spike, windowEndMs: number, config: RateSpikesConfig): Record<string, number> {
  return {
    history_from_ms: windowEndMs - config.historyMs,
    history_to_ms: windowEndMs - longestSpan * bucketMs,
    span_start_ms: windowEndMs - spike.span * bucketMs,
    window_end_ms: windowEndMs,
  };
}

const entityParams = ({ agent, server, tool }: RateSeries): Record<string, string> => ({ agent, server, tool });

/** Dimensions in which an entity has one value by itself. */
const own = { agent: ["agent"], tool: ["tool", "server"], server: ["server"] } as const;

interface PartRow {
  agent: string;
  server: string;
  tool: string;
  dimension: string;
  value: string;
  hits: number;
  hits_before: number;
}

/** All spikes in one reading: each by itself would go through the history again. */
async function explain(store: Store, counted: CountedAs, spikes: readonly Spike[], windowEndMs: number, config: RateSpikesConfig): Promise<{ spike: Spike; contributors: Contributor[] }[]> {
  if (spikes.length === 0) return [];
  const ranges = spikes.map((spike) => rangeOf(spike, windowEndMs, config));
  const { span_start_ms: _, ...range } = ranges[0]!;
  const rows = await store.query<PartRow>(counted.contributors, {
    ...range,
    agents: spikes.map(({ series }) => series.agent),
    servers: spikes.map(({ series }) => series.server),
    tools: spikes.map(({ series }) => series.tool),
    span_starts_ms: ranges.map((one) => one.span_start_ms!),
  });
  const key = (of: { agent: string; server: string; tool: string }): string => JSON.stringify([of.agent, of.server, of.tool]);
  const parts = Map.groupBy(rows, key);
  return spikes.map((spike) => ({ spike, contributors: contributorsOf(spike, parts.get(key(spike.series)) ?? []) }));
}

/** A value's excess is its hits beyond what its own hits before would give at the calls of now. */
function contributorsOf(spike: Spike, rows: readonly PartRow[]): Contributor[] {
  const fixed: readonly string[] = own[spike.series.entityKind];
  const before = new Map<string, number>();
  for (const row of rows) before.set(row.dimension, (before.get(row.dimension) ?? 0) + row.hits_before);
  const excess = spike.hits - spike.expected;
  return rows
    .filter((row) => !fixed.includes(row.dimension))
    .map((row) => ({
      dimension: row.dimension,
      value: row.value,
      windowShare: row.hits / spike.hits,
      baselineShare: row.hits_before / Math.max(1, before.get(row.dimension)!),
      excessShare: (row.hits - (spike.calls * row.hits_before) / (spike.historyCalls + 10)) / excess,
    }))
    .sort((a, b) => b.excessShare - a.excessShare)
    .slice(0, 5);
}

async function toFinding(context: JobContext, counted: CountedAs, config: RateSpikesConfig, spike: Spike, contributors: Contributor[], tested: number): Promise<Finding> {
  const { store, window } = context;
  const { series } = spike;
  const range = rangeOf(spike, window.toMs, config);
  const windowStartMs = window.toMs - spike.span * bucketMs;
  const examples = { span_start_ms: windowStartMs, window_end_ms: window.toMs, ...entityParams(series) };
  const [calls] = await store.query<{ first: string; worst: string; latest: string }>(counted.examples, examples);
  return compose(context, {
    detector: counted.detector,
    version,
    entityKind: series.entityKind,
    entity: series.entityKind === "agent" ? series.agent : series.entityKind === "tool" ? `${series.server}/${series.tool}` : series.server,
    ...entityParams(series),
    windowStartMs,
    windowEndMs: window.toMs,
    historyFromMs: range.history_from_ms!,
    severity: spike.q <= config.pageFdr ? "page" : "ticket",
    unsure: spike.coldStart,
    score: spike.score,
    unit: counted.unit,
    actual: spike.hits,
    expected: spike.expected,
    expectedLow: spike.expectedLow,
    expectedHigh: spike.expectedHigh,
    sampleSize: spike.calls,
    metric: counted.metric,
    summary: summarise(counted, spike, tested),
    contributors,
    callIds: calls === undefined ? [] : [calls.first, calls.worst, calls.latest],
    evidence: { sql: counted.evidence, params: { ...range, ...entityParams(series) } },
  });
}

function summarise({ verb, among }: CountedAs, s: Spike, tested: number): string {
  const percent = (x: number): string => `${figure(100 * x)}%`;
  return (
    `${s.hits} of ${s.calls} calls ${verb} (${percent(s.hits / s.calls)}); before, ${percent(s.usualRate)}, ` +
    `over ${Math.round(s.historyCalls)} calls in ${s.historyBuckets} buckets of five minutes. ` +
    `That is ${figure(s.z)} deviations of an over-dispersed rate; chance ${s.p.toExponential(1)}, ` +
    `false discovery rate ${s.q.toExponential(1)} over ${tested} ${among}.` +
    (s.coldStart ? " The history is short: cold start." : "")
  );
}
