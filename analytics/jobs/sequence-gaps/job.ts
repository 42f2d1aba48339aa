import { loadSql } from "../../../collector/store/sql-file.ts";
import { findingId, type Finding } from "../../findings/finding.ts";
import { readHealth } from "../../findings/health.ts";
import { figure, findingTitle } from "../../findings/title.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { describeGaps, incomplete, type Gap, type ProducerRange } from "./score.ts";

export interface SequenceGapsConfig {
  lookBackMs: number;
  latenessMs: number;
}

const stepMs = 300_000;

const rangesSql = loadSql(new URL("./sequence-gaps.sql", import.meta.url));
const gapsSql = loadSql(new URL("./gaps.sql", import.meta.url));

/** Records that a producer numbered and the store doesn't have. */
export function sequenceGaps(config: SequenceGapsConfig): Job {
  return {
    name: "sequence-gaps",
    cron: "*/5 * * * *",
    stepMs,
    windowMs: stepMs,
    latenessMs: config.latenessMs,
    async run(context) {
      const rows = await context.store.query<{ producer: string; first_seq: number; last_seq: number; expected: number; actual: number }>(rangesSql, {
        ...rangeOf(context, config),
        only: "",
      });
      const ranges = rows.map(
        (row): ProducerRange => ({ producer: row.producer, firstSeq: row.first_seq, lastSeq: row.last_seq, expected: row.expected, actual: row.actual }),
      );
      return { findings: await Promise.all(incomplete(ranges).map((range) => toFinding(context, config, range))) };
    },
  };
}

function rangeOf({ window }: JobContext, config: SequenceGapsConfig): Record<string, number> {
  return { look_back_from_ms: window.fromMs - config.lookBackMs, window_start_ms: window.fromMs, window_end_ms: window.toMs };
}

async function toFinding(context: JobContext, config: SequenceGapsConfig, range: ProducerRange): Promise<Finding> {
  const { store, window, nowMs } = context;
  const { producer, firstSeq, lastSeq, expected, actual } = range;
  const times = rangeOf(context, config);
  const rows = await store.query<{ from_seq: number; to_seq: number; before_call: string; after_call: string }>(gapsSql, {
    producer,
    first_seq: firstSeq,
    last_seq: lastSeq,
    look_back_from_ms: times.look_back_from_ms!,
    window_end_ms: window.toMs,
  });
  const gaps = rows.map((r): Gap => ({ fromSeq: r.from_seq, toSeq: r.to_seq, beforeCall: r.before_call, afterCall: r.after_call }));
  const beside = [gaps[0]?.beforeCall, gaps[0]?.afterCall, gaps.at(-1)?.afterCall].filter((id) => id !== undefined && id !== "");
  return {
    findingId: findingId("sequence_gap", "producer", producer, window.fromMs, window.toMs),
    detector: "sequence_gap",
    detectorVersion: "1",
    detectedAtMs: nowMs,
    windowStartMs: window.fromMs,
    windowEndMs: window.toMs,
    entityKind: "producer",
    entity: producer,
    server: "",
    tool: "",
    agent: "",
    taskClass: "",
    severity: "page",
    score: expected - actual,
    unit: "records",
    actual,
    expected,
    expectedLow: expected,
    expectedHigh: expected,
    sampleSize: expected,
    title: findingTitle({
      metric: "Audit records",
      entity: producer,
      actual: figure(actual),
      expected: figure(expected),
      ratio: `${expected - actual} missing`,
      fromMs: window.fromMs,
      toMs: window.toMs,
    }),
    summary: describeGaps(range, gaps),
    contributors: [],
    callIds: [...new Set(beside)] as string[],
    evidenceSql: rangesSql.text,
    evidenceParams: { ...times, only: producer },
    // Missing rows are what this finding is about, so they don't make it less sure.
    dataHealth: await readHealth(store, { historyFromMs: times.look_back_from_ms!, windowStartMs: window.fromMs, windowEndMs: window.toMs }, false),
  };
}
