import { hoursOutOf, readIncidentHours } from "../../baseline/incidents.ts";
import type { EntityKind } from "../../baseline/metrics.ts";
import { readBaselines, type BaselineConfig } from "../../baseline/read.ts";
import type { SqlFile } from "../../../collector/store/sql-file.ts";
import { compose } from "../../findings/compose.ts";
import type { Contributor, Finding } from "../../findings/finding.ts";
import { figure } from "../../findings/title.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { longestSpan, type Bucket } from "../../score/rate.ts";
import { dropExplained, findSpikes, nameOf, type RateSeries, type Spike, type SpikeThresholds } from "../../score/spikes.ts";

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
  /** The baseline that knows when its level shifted. */
  baseline: { metric: "denial_rate" | "error_rate"; kinds: readonly EntityKind[] };
  series: SqlFile;
  evidence: SqlFile;
  contributors: SqlFile;
  examples: SqlFile;
}

const bucketMs = 300_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const version = "2";

/** Entities of which far more calls are hits than before, by the over-dispersed rate. */
export function rateSpikes(counted: CountedAs, config: RateSpikesConfig, baselines: BaselineConfig): Job {
  return {
    name: counted.job,
    cron: "*/5 * * * *",
    stepMs: bucketMs,
    windowMs: bucketMs,
    latenessMs: config.latenessMs,
    async run(context) {
      const { spikes, tested } = await sinceShifts(context, counted, await readSeries(context, counted, config), config, baselines);
      const explained = await explain(context, counted, spikes);
      const findings = dropExplained(explained).map(({ spike, contributors }) => toFinding(context, counted, config, spike, contributors, tested));
      return { findings: await Promise.all(findings) };
    },
  };
}

/**
 * The spikes, where the history of an entity whose level shifted begins with the shift: it is news for three days, and what
 * is usual from then on. The baselines are read only where there is a spike, since this can only take spikes away.
 */
async function sinceShifts({ store, window, nowMs }: JobContext, counted: CountedAs, all: readonly AgedSeries[], config: RateSpikesConfig, baselines: BaselineConfig): Promise<{ spikes: Spike<AgedSeries>[]; tested: number }> {
  const found = findSpikes(all, config);
  if (found.spikes.length === 0) return found;
  const { metric, kinds } = counted.baseline;
  const usual = await readBaselines(store, { atMs: window.toMs, untilMs: window.toMs, asOfMs: nowMs, metrics: [metric], kinds }, baselines);
  const shiftedMs = new Map(usual.flatMap(({ own }) => (own.shift === undefined ? [] : [[`${own.kind} ${own.entity}`, own.shift.day * dayMs] as const])));
  const cut = all.map((series) => {
    const sinceMs = shiftedMs.get(`${series.entityKind} ${nameOf(series)}`) ?? 0;
    return sinceMs <= series.historyFromMs ? series : { ...series, historyFromMs: sinceMs, history: series.history.filter((bucket) => bucket.atMs >= sinceMs) };
  });
  return findSpikes(cut, config);
}

interface AgedSeries extends RateSeries {
  readonly historyFromMs: number;
  readonly history: readonly (Bucket & { readonly atMs: number })[];
}

interface SeriesRow {
  entity_kind: RateSeries["entityKind"];
  agent: string;
  server: string;
  tool: string;
  newest: [age: number, calls: number, hits: number][];
  history: [age: number, calls: number, hits: number][];
}

async function readSeries({ store, window, nowMs }: JobContext, counted: CountedAs, config: RateSpikesConfig): Promise<AgedSeries[]> {
  const historyFromMs = window.toMs - config.historyMs;
  const rows = await store.query<SeriesRow>(counted.series, { history_from_ms: historyFromMs, window_end_ms: window.toMs, newest: longestSpan });
  const incidents = await readIncidentHours(store, { asOfMs: nowMs, fromMs: historyFromMs, toMs: window.toMs });
  return rows.map((row) => {
    const newest: Bucket[] = Array.from({ length: longestSpan }, () => ({ total: 0, hits: 0 }));
    for (const [age, total, hits] of row.newest) newest[longestSpan - 1 - age] = { total, hits };
    const out = hoursOutOf(incidents, { kind: row.entity_kind, entity: nameOf({ ...row, entityKind: row.entity_kind }), parent: "" });
    const history = row.history
      .map(([age, total, hits]) => ({ total, hits, atMs: window.toMs - (age + 1) * bucketMs }))
      .filter((bucket) => !out.has(Math.floor(bucket.atMs / hourMs)));
    return { entityKind: row.entity_kind, agent: row.agent, server: row.server, tool: row.tool, newest, history, historyFromMs };
  });
}

/** The stretches of time that a spike compares, as the SQL files take them. */
function rangeOf(spike: Spike<AgedSeries>, { window, nowMs }: JobContext) {
  return {
    history_from_ms: spike.series.historyFromMs,
    history_to_ms: window.toMs - longestSpan * bucketMs,
    span_start_ms: window.toMs - spike.span * bucketMs,
    window_end_ms: window.toMs,
    as_of_ms: nowMs,
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

/** Spikes in one reading: each by itself would go through the history again. Their names go with the query's address, which has an end. */
const mostAtOnce = 100;

async function explain(context: JobContext, counted: CountedAs, spikes: readonly Spike<AgedSeries>[]): Promise<{ spike: Spike<AgedSeries>; contributors: Contributor[] }[]> {
  const out: { spike: Spike<AgedSeries>; contributors: Contributor[] }[] = [];
  for (let i = 0; i < spikes.length; i += mostAtOnce) {
    const some = spikes.slice(i, i + mostAtOnce);
    const ranges = some.map((spike) => rangeOf(spike, context));
    const { history_to_ms, window_end_ms, as_of_ms } = ranges[0]!;
    const rows = await context.store.query<PartRow>(counted.contributors, {
      oldest_ms: Math.min(...ranges.map((range) => range.history_from_ms)),
      history_to_ms,
      window_end_ms,
      as_of_ms,
      agents: some.map(({ series }) => series.agent),
      servers: some.map(({ series }) => series.server),
      tools: some.map(({ series }) => series.tool),
      histories_from_ms: ranges.map((range) => range.history_from_ms),
      span_starts_ms: ranges.map((range) => range.span_start_ms),
    });
    const key = ({ agent, server, tool }: Pick<PartRow, "agent" | "server" | "tool">): string => JSON.stringify([agent, server, tool]);
    const parts = Map.groupBy(rows, key);
    out.push(...some.map((spike) => ({ spike, contributors: contributorsOf(spike, parts.get(key(spike.series)) ?? []) })));
  }
  return out;
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

async function toFinding(context: JobContext, counted: CountedAs, config: RateSpikesConfig, spike: Spike<AgedSeries>, contributors: Contributor[], tested: number): Promise<Finding> {
  const { store, window } = context;
  const { series } = spike;
  const range = rangeOf(spike, context);
  const windowStartMs = window.toMs - spike.span * bucketMs;
  const examples = { span_start_ms: windowStartMs, window_end_ms: window.toMs, ...entityParams(series) };
  const [calls] = await store.query<{ first: string; worst: string; latest: string }>(counted.examples, examples);
  return compose(context, {
    detector: counted.detector,
    version,
    entityKind: series.entityKind,
    entity: nameOf(series),
    ...entityParams(series),
    windowStartMs,
    windowEndMs: window.toMs,
    historyFromMs: range.history_from_ms,
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
