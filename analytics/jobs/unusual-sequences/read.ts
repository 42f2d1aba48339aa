import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import type { Step } from "../../score/taint.ts";
import { classShares, type Sequence } from "./score.ts";

const classesSql = loadSql(new URL("./classes.sql", import.meta.url));
const historySql = loadSql(new URL("./history.sql", import.meta.url));
const sequencesSql = loadSql(new URL("./sequences.sql", import.meta.url));

/** A task, session or burst as it stands at the end of a stretch of time. */
export interface StoredSequence extends Sequence {
  unit: string;
  agent: string;
  taskId: string;
  taskClass: string;
  sessionId: string;
  callIds: readonly string[];
  /** How many of its calls came before that stretch. */
  before: number;
}

interface StepsRow {
  unit: string;
  class: string;
  tokens: string[];
  acting: number[];
  tainting: number[];
}

interface SequenceRow extends StepsRow {
  agent: string;
  task_id: string;
  task_class: string;
  session_id: string;
  before: number;
  call_ids: string[];
}

const stepsOf = ({ tokens, acting, tainting }: StepsRow): Step[] => tokens.map((token, i): Step => ({ token, acts: acting[i] === 1, untrusted: tainting[i] === 1 }));

export interface History {
  /** The newest first. */
  sequences: (Sequence & { unit: string })[];
  /** The share of a class's tasks that they are. */
  shareOf(className: string): number;
}

/** What was done before a moment: some `calls` of it, busy classes by a sample of their tasks. */
export async function readHistory(store: Store, historyFromMs: number, beforeMs: number, calls: number): Promise<History> {
  const range = { history_from_ms: historyFromMs, window_start_ms: beforeMs };
  const classes = await store.query<{ class: string; calls: number }>(classesSql, range);
  const sampled = classShares(classes, calls);
  const rows = await store.query<StepsRow>(historySql, { ...range, sampled: sampled.map((one) => one.class), shares: sampled.map((one) => one.share) });
  return {
    sequences: rows.map((row) => ({ unit: row.unit, className: row.class, steps: stepsOf(row) })),
    shareOf: (className) => sampled.find((one) => one.class === className)?.share ?? 1,
  };
}

/** The newest sequences with a call in [fromMs, toMs), each with its calls since `historyFromMs`. */
export async function readSequences(store: Store, range: { historyFromMs: number; fromMs: number; toMs: number; most: number }): Promise<StoredSequence[]> {
  const rows = await store.query<SequenceRow>(sequencesSql, {
    history_from_ms: range.historyFromMs,
    from_ms: range.fromMs,
    to_ms: range.toMs,
    most: range.most,
  });
  return rows.map((row) => ({
    unit: row.unit,
    className: row.class,
    agent: row.agent,
    taskId: row.task_id,
    taskClass: row.task_class,
    sessionId: row.session_id,
    callIds: row.call_ids,
    before: row.before,
    steps: stepsOf(row),
  }));
}
