import { loadSql } from "../../collector/store/sql-file.ts";
import type { Store } from "../../collector/store/client.ts";
import type { Window } from "./job.ts";

export interface JobRun {
  job: string;
  window: Window;
  startedMs: number;
  finishedMs: number;
  status: "ok" | "error";
  error: string;
  findings: number;
  /** Rows and bytes that the job was handed: the store doesn't say what the engine read for them. */
  rows: number;
  bytes: number;
}

/** What ran, so that a scheduler that starts again knows where to go on. */
export interface RunLog {
  /** The end of the newest window that succeeded; undefined where none did. */
  lastSuccessMs(job: string): Promise<number | undefined>;
  /** How often a window failed, by its end, for windows that ended after `afterMs`. */
  failures(job: string, afterMs: number): Promise<ReadonlyMap<number, number>>;
  record(run: JobRun): Promise<void>;
}

const lastSuccessSql = loadSql(new URL("./last-success.sql", import.meta.url));
const failuresSql = loadSql(new URL("./failures.sql", import.meta.url));

export function createRunLog(store: Store): RunLog {
  return {
    async lastSuccessMs(job) {
      const [row] = await store.query<{ runs: number; end_ms: string }>(lastSuccessSql, { job });
      return row === undefined || row.runs === 0 ? undefined : Number(row.end_ms);
    },
    async failures(job, afterMs) {
      const rows = await store.query<{ end_ms: string; failures: number }>(failuresSql, { job, after_ms: afterMs });
      return new Map(rows.map((row) => [Number(row.end_ms), row.failures]));
    },
    async record(run) {
      await store.insert("job_runs", [toRow(run)]);
    },
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();

function toRow(run: JobRun): object {
  return {
    job: run.job,
    run_id: `${run.window.toMs}-${run.startedMs}`,
    window_start: iso(run.window.fromMs),
    window_end: iso(run.window.toMs),
    started_at: iso(run.startedMs),
    finished_at: iso(run.finishedMs),
    status: run.status,
    error: run.error,
    findings: run.findings,
    rows_read: run.rows,
    bytes_read: run.bytes,
    duration_ms: Math.max(0, Math.round(run.finishedMs - run.startedMs)),
  };
}
