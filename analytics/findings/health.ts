import { z } from "zod";
import { loadSql } from "../../collector/store/sql-file.ts";
import type { JobContext } from "../schedule/job.ts";
import type { dataHealthSchema, Finding } from "./finding.ts";

export type DataHealth = z.infer<typeof dataHealthSchema>;

const healthSql = loadSql(new URL("./health.sql", import.meta.url));

/** A store whose newest row is older than this at a window's end is behind. */
const lateMs = 10 * 60_000;

interface Range {
  historyFromMs: number;
  windowStartMs: number;
  windowEndMs: number;
}

type HealthRow = { rows_in_window: number; baseline_rows: number; missing_buckets: number; lag_ms: number };

/** Most findings of a run rest on the same stretch of time, which is read once for all of them. */
const readInRun = new WeakMap<JobContext, Map<string, Promise<HealthRow[]>>>();

function readRange(context: JobContext, range: Range): Promise<HealthRow[]> {
  let known = readInRun.get(context);
  if (known === undefined) readInRun.set(context, (known = new Map()));
  const params = { history_from_ms: range.historyFromMs, window_start_ms: range.windowStartMs, window_end_ms: range.windowEndMs };
  const key = Object.values(params).join(" ");
  const read = known.get(key) ?? context.store.query<HealthRow>(healthSql, params);
  known.set(key, read);
  return read;
}

/** `unsure`: the job's own reason to trust its baseline less, such as a cold start. */
export async function readHealth(context: JobContext, range: Range, unsure: boolean): Promise<DataHealth> {
  const [row] = await readRange(context, range);
  return {
    rowsInWindow: row?.rows_in_window ?? 0,
    baselineRows: row?.baseline_rows ?? 0,
    missingBuckets: Math.max(0, row?.missing_buckets ?? 0),
    ingestLagMs: row?.lag_ms ?? 0,
    degraded: unsure || (row?.lag_ms ?? 0) > lateMs,
  };
}

/** Nobody is woken by data that may be wrong. */
export function severityOf(wanted: Finding["severity"], health: DataHealth): Finding["severity"] {
  return health.degraded && wanted === "page" ? "ticket" : wanted;
}
