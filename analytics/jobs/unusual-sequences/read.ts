import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import type { Step } from "../../score/taint.ts";
import { BehaviourModel, type Sequence } from "./score.ts";

const countsSql = loadSql(new URL("./counts.sql", import.meta.url));
const actsSql = loadSql(new URL("./acts.sql", import.meta.url));
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

interface SequenceRow {
  unit: string;
  class: string;
  agent: string;
  task_id: string;
  task_class: string;
  session_id: string;
  before: number;
  tokens: string[];
  acting: number[];
  tainting: number[];
  call_ids: string[];
}

/** The model of everything before a moment, counted by the engine. */
export async function readModel(store: Store, historyFromMs: number, beforeMs: number): Promise<BehaviourModel> {
  const model = new BehaviourModel();
  const range = { history_from_ms: historyFromMs, window_start_ms: beforeMs };
  const counts = store.stream<{ class: string; context: string; next: string; count: number }>(countsSql, range);
  for await (const rows of counts) for (const row of rows) model.sequence.addCount(row.class, row.context, row.next, row.count);
  const classes = await store.query<{ class: string; sequences: number; acts: Record<string, string> }>(actsSql, range);
  for (const row of classes) {
    model.taint.addCounts(row.class, row.sequences, Object.entries(row.acts).map(([token, count]) => [token, Number(count)]));
  }
  return model;
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
    steps: row.tokens.map((token, i): Step => ({ token, acts: row.acting[i] === 1, untrusted: row.tainting[i] === 1 })),
  }));
}
