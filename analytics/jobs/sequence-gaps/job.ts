import { loadSql } from "../../../collector/store/sql-file.ts";
import { readHorizons } from "../../../collector/store/apply-retention.ts";
import { findingId, type Finding } from "../../findings/finding.ts";
import { readHealth } from "../../findings/health.ts";
import { figure, findingTitle } from "../../findings/title.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import {
  completeness,
  describeDoubled,
  describeGaps,
  describeLate,
  describeUnrecorded,
  doubled,
  incomplete,
  late,
  type Arrivals,
  type Completeness,
  type Gap,
  type ProducerRange,
  type Unrecorded,
} from "./score.ts";

export interface SequenceGapsConfig {
  lookBackMs: number;
  latenessMs: number;
  lateAfterMs: number;
}

const stepMs = 300_000;

const rangesSql = loadSql(new URL("./sequence-gaps.sql", import.meta.url));
const gapsSql = loadSql(new URL("./gaps.sql", import.meta.url));
const duplicatesSql = loadSql(new URL("./duplicates.sql", import.meta.url));
const unrecordedSql = loadSql(new URL("./unrecorded.sql", import.meta.url));
const arrivalsSql = loadSql(new URL("./arrivals.sql", import.meta.url));

/** Records that a producer numbered and the store doesn't have, has twice, or got late, and calls that it let through without
 * one. The figures are kept for every
 * window, whether or not they are a finding. */
export function sequenceGaps(settings: SequenceGapsConfig): Job {
  return {
    name: "sequence-gaps",
    cron: "*/5 * * * *",
    stepMs,
    windowMs: stepMs,
    latenessMs: settings.latenessMs,
    async run(context) {
      const horizonMs = await completeFromMs(context);
      // What retention may have removed is no gap: a window of the past is looked at as far as its rows must be there.
      const lookBackMs = Math.min(settings.lookBackMs, context.window.fromMs - horizonMs);
      const config = { ...settings, lookBackMs };
      const ranges = lookBackMs < 0 ? [] : await readRanges(context, config);
      const arrivals = await readArrivals(context, config);
      await keep(context, config, completeness(ranges, arrivals));
      const findings = await Promise.all([
        ...incomplete(ranges).map((range) => gapFinding(context, config, range)),
        ...doubled(ranges).map((range) => duplicateFinding(context, config, range)),
        ...late(arrivals).map((one) => lateFinding(context, config, one)),
        ...(await readUnrecorded(context, config)).map((one) => unrecordedFinding(context, config, one)),
      ]);
      return { findings };
    },
  };
}

async function completeFromMs({ store }: JobContext): Promise<number> {
  const horizon = (await readHorizons(store)).find((row) => row.table_name === "calls")?.horizon;
  return horizon === undefined ? 0 : Date.parse(horizon);
}

function rangeOf({ window }: JobContext, config: SequenceGapsConfig) {
  return { look_back_from_ms: window.fromMs - config.lookBackMs, window_start_ms: window.fromMs, window_end_ms: window.toMs };
}

function arrivalsOf({ window, nowMs }: JobContext, config: SequenceGapsConfig) {
  return { window_start_ms: window.fromMs, window_end_ms: window.toMs, now_ms: nowMs, late_after_ms: config.lateAfterMs };
}

async function readRanges(context: JobContext, config: SequenceGapsConfig): Promise<ProducerRange[]> {
  type Row = { producer: string } & Record<"first_seq" | "last_seq" | "expected" | "actual" | "duplicates", number>;
  const rows = await context.store.query<Row>(rangesSql, { ...rangeOf(context, config), only: "" });
  return rows.map(({ producer, first_seq, last_seq, expected, actual, duplicates }) => ({ producer, firstSeq: first_seq, lastSeq: last_seq, expected, actual, duplicates }));
}

async function readArrivals(context: JobContext, config: SequenceGapsConfig): Promise<Arrivals[]> {
  type Row = { producer: string; worst: string } & Record<"arrived" | "actual" | "p50_ms" | "p99_ms" | "max_ms", number>;
  const rows = await context.store.query<Row>(arrivalsSql, { ...arrivalsOf(context, config), only: "" });
  return rows.map((row) => ({ producer: row.producer, arrived: row.arrived, late: row.actual, p50Ms: row.p50_ms, p99Ms: row.p99_ms, maxMs: row.max_ms, worstCall: row.worst }));
}

async function readUnrecorded(context: JobContext, config: SequenceGapsConfig): Promise<Unrecorded[]> {
  const { late_after_ms: _, ...params } = arrivalsOf(context, config);
  type Row = { producer: string; who: string[]; call: string } & Record<"actual" | "at_least" | "from_ms" | "to_ms", number>;
  const rows = await context.store.query<Row>(unrecordedSql, { ...params, only: "" });
  return rows.map((row) => ({ producer: row.producer, calls: row.actual, atLeast: row.at_least === 1, fromMs: row.from_ms, toMs: row.to_ms, who: row.who, callId: row.call }));
}

async function keep({ store, window, nowMs }: JobContext, { lateAfterMs }: SequenceGapsConfig, figures: readonly Completeness[]): Promise<void> {
  const iso = (ms: number): string => new Date(ms).toISOString();
  const rows = figures.map((f) => ({
    window_start: iso(window.fromMs),
    window_end: iso(window.toMs),
    producer: f.producer,
    computed_at: iso(nowMs),
    first_seq: f.firstSeq,
    last_seq: f.lastSeq,
    expected: f.expected,
    stored: f.actual,
    missing: f.missing,
    duplicates: f.duplicates,
    arrived: f.arrived,
    late: f.late,
    late_after_ms: lateAfterMs,
    lateness_ms_p50: f.p50Ms,
    lateness_ms_p99: f.p99Ms,
    lateness_ms_max: f.maxMs,
  }));
  await store.insert("audit_completeness", rows);
}

async function gapFinding(context: JobContext, config: SequenceGapsConfig, range: ProducerRange): Promise<Finding> {
  const { producer, firstSeq, lastSeq, expected, actual } = range;
  const times = rangeOf(context, config);
  const rows = await context.store.query<{ from_seq: number; to_seq: number; before_call: string; after_call: string }>(gapsSql, {
    producer,
    first_seq: firstSeq,
    last_seq: lastSeq,
    look_back_from_ms: times.look_back_from_ms,
    window_end_ms: times.window_end_ms,
  });
  const gaps = rows.map((r): Gap => ({ fromSeq: r.from_seq, toSeq: r.to_seq, beforeCall: r.before_call, afterCall: r.after_call }));
  const beside = [gaps[0]?.beforeCall, gaps[0]?.afterCall, gaps.at(-1)?.afterCall].filter((id) => id !== undefined && id !== "");
  return {
    ...(await common(context, config, "sequence_gap", producer, { actual, expected, metric: "Audit records", ratio: `${expected - actual} missing` })),
    severity: "page",
    score: expected - actual,
    unit: "records",
    sampleSize: expected,
    summary: describeGaps(range, gaps),
    callIds: [...new Set(beside)] as string[],
    evidenceSql: rangesSql.text,
    evidenceParams: { ...times, only: producer },
  };
}

async function duplicateFinding(context: JobContext, config: SequenceGapsConfig, range: ProducerRange): Promise<Finding> {
  const { producer, firstSeq, lastSeq, duplicates } = range;
  const { look_back_from_ms, window_end_ms } = rangeOf(context, config);
  const params = { producer, first_seq: firstSeq, last_seq: lastSeq, look_back_from_ms, window_end_ms };
  const [row] = await context.store.query<{ numbers: number; calls: string[] }>(duplicatesSql, params);
  return {
    ...(await common(context, config, "duplicate_record", producer, { actual: duplicates, expected: 0, metric: "Repeated audit rows", ratio: `of ${figure(range.actual)} records` })),
    severity: "ticket",
    score: duplicates,
    unit: "rows",
    sampleSize: range.actual + duplicates,
    summary: describeDoubled(range, row?.numbers ?? 0),
    callIds: row?.calls ?? [],
    evidenceSql: duplicatesSql.text,
    evidenceParams: params,
  };
}

async function lateFinding(context: JobContext, config: SequenceGapsConfig, arrivals: Arrivals): Promise<Finding> {
  const { producer } = arrivals;
  return {
    ...(await common(context, config, "late_record", producer, { actual: arrivals.late, expected: 0, metric: "Late audit records", ratio: `of ${figure(arrivals.arrived)} stored` })),
    severity: "ticket",
    score: arrivals.late,
    unit: "records",
    sampleSize: arrivals.arrived,
    summary: describeLate(arrivals, config.lateAfterMs),
    callIds: [arrivals.worstCall],
    evidenceSql: arrivalsSql.text,
    evidenceParams: { ...arrivalsOf(context, config), only: producer },
  };
}

async function unrecordedFinding(context: JobContext, config: SequenceGapsConfig, unrecorded: Unrecorded): Promise<Finding> {
  const { producer, calls } = unrecorded;
  const { late_after_ms: _, ...params } = arrivalsOf(context, config);
  return {
    ...(await common(context, config, "unrecorded_calls", producer, { actual: calls, expected: 0, metric: "Unrecorded calls", ratio: unrecorded.atLeast ? "at least" : "let through" })),
    severity: "page",
    score: calls,
    unit: "calls",
    sampleSize: calls,
    summary: describeUnrecorded(unrecorded),
    callIds: [unrecorded.callId],
    evidenceSql: unrecordedSql.text,
    evidenceParams: { ...params, only: producer },
  };
}

async function common(
  context: JobContext,
  config: SequenceGapsConfig,
  detector: Finding["detector"],
  producer: string,
  { actual, expected, metric, ratio }: { actual: number; expected: number; metric: string; ratio: string },
) {
  const { window, nowMs } = context;
  return {
    findingId: findingId(detector, "producer", producer, window.fromMs, window.toMs),
    detector,
    detectorVersion: "1",
    detectedAtMs: nowMs,
    windowStartMs: window.fromMs,
    windowEndMs: window.toMs,
    entityKind: "producer" as const,
    entity: producer,
    server: "",
    tool: "",
    agent: "",
    taskClass: "",
    actual,
    expected,
    expectedLow: expected,
    expectedHigh: expected,
    title: findingTitle({ metric, entity: producer, actual: figure(actual), expected: figure(expected), ratio, fromMs: window.fromMs, toMs: window.toMs }),
    contributors: [],
    // Missing rows are what these findings are about, so they don't make them less sure.
    dataHealth: await readHealth(context, { historyFromMs: window.fromMs - config.lookBackMs, windowStartMs: window.fromMs, windowEndMs: window.toMs }, false),
  };
}
