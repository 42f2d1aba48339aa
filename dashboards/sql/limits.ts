import type { SqlLimits } from "../config.ts";

/** As ClickHouse settings. `break` ends a too large result with what is there instead of an error; run.ts cuts and says so. */
export function limitSettings(limits: SqlLimits): Record<string, string | number> {
  return {
    max_execution_time: limits.maxSeconds,
    max_result_rows: String(limits.maxRows + 1),
    result_overflow_mode: "break",
    max_rows_to_read: String(limits.maxRowsToRead),
    max_memory_usage: String(limits.maxMemoryBytes),
  };
}

/** What the page states before anything runs. */
export function describeLimits(limits: SqlLimits): string[] {
  const n = (value: number) => value.toLocaleString("en-US");
  return [
    "reads only, as the store's read-only user",
    `${limits.maxSeconds} s`,
    `first ${n(limits.maxRows)} rows or ${n(Math.round(limits.maxBytes / 1_000_000))} MB of result`,
    `${n(limits.maxRowsToRead)} rows read`,
    `${limits.maxConcurrent} queries at once`,
  ];
}
