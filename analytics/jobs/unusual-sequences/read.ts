import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import type { Step } from "../../score/taint.ts";
import type { Sequence } from "./score.ts";

const sequencesSql = loadSql(new URL("./sequences.sql", import.meta.url));

/** A task, session or burst as it stands at the end of a stretch of time. */
export interface StoredSequence extends Sequence {
  unit: string;
  agent: string;
  taskId: string;
  taskClass: string;
  sessionId: string;
  callIds: readonly string[];
  /** When each call was received. */
  timesMs: readonly number[];
  /** How many of its calls came before that stretch. */
  before: number;
  /** How many of its calls the model has learnt from. */
  learnt: number;
}

interface SequenceRow {
  unit: string;
  class: string;
  agent: string;
  task_id: string;
  task_class: string;
  session_id: string;
  before: number;
  learnt: number;
  tokens: string[];
  outcomes: string[];
  acting: number[];
  tainting: number[];
  call_ids: string[];
  times_us: string[];
  arguments: [path: string, digest: string, fromResult: number, flowScore: number][][];
}

export interface SequenceRange {
  /** How far back the earlier calls of these sequences are looked for. */
  lookBackFromMs: number;
  fromMs: number;
  toMs: number;
  learntToMs: number;
  most: number;
}

/** The newest sequences with a call in [fromMs, toMs), each with its calls since `lookBackFromMs`. */
export async function readSequences(store: Store, range: SequenceRange): Promise<StoredSequence[]> {
  const rows = await store.query<SequenceRow>(sequencesSql, {
    look_back_from_ms: range.lookBackFromMs,
    from_ms: range.fromMs,
    to_ms: range.toMs,
    learnt_to_ms: range.learntToMs,
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
    timesMs: row.times_us.map((us) => Number(us) / 1000),
    before: row.before,
    learnt: row.learnt,
    followed: true,
    steps: row.tokens.map((token, i): Step => ({
      token,
      outcome: row.outcomes[i]!,
      acts: row.acting[i] === 1,
      untrusted: row.tainting[i] === 1,
      arguments: row.arguments[i]!.map(([path, digest, fromResult, flowScore]) => ({ path, digest, fromResult: fromResult === 1, flowScore })),
    })),
  }));
}
