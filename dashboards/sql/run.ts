import type { SqlLimits } from "../config.ts";
import { limitSettings } from "./limits.ts";
import type { RawQuery } from "./raw-query.ts";

/** What the page receives, a JSON line each. `end` says whether the result is whole. */
export type SqlEvent =
  | { readonly event: "start"; readonly queryId: string }
  | { readonly event: "columns"; readonly names: readonly string[]; readonly types: readonly string[] }
  | { readonly event: "rows"; readonly rows: readonly (readonly unknown[])[] }
  | { readonly event: "end"; readonly rows: number; readonly bytes: number; readonly elapsedMs: number; readonly truncated: "" | "rows" | "bytes" }
  | { readonly event: "error"; readonly message: string; readonly position: number | null };

const rowsAtOnce = 200;

/**
 * Runs one guarded statement and yields its result as it comes. The caller's signal ends it: the connection is closed,
 * and the store then stops the query.
 */
export async function* runSql(deps: {
  query: RawQuery;
  limits: SqlLimits;
  statement: string;
  params: Readonly<Record<string, string | number>>;
  queryId: string;
  signal: AbortSignal;
  nowMs: () => number;
}): AsyncGenerator<SqlEvent> {
  const { limits, signal, nowMs } = deps;
  const startedMs = nowMs();
  yield { event: "start", queryId: deps.queryId };
  const enough = new AbortController();
  const both = AbortSignal.any([signal, enough.signal]);
  let seen = 0;
  let bytes = 0;
  let header: string[] | null = null;
  let typed = false;
  let batch: unknown[][] = [];
  let truncated: "" | "rows" | "bytes" = "";
  try {
    const lines = deps.query.run({ statement: deps.statement, params: deps.params, queryId: deps.queryId, settings: limitSettings(limits), signal: both });
    for await (const line of lines) {
      const row = JSON.parse(line) as unknown[];
      if (header === null) {
        header = row as string[];
        continue;
      }
      if (!typed) {
        typed = true;
        yield { event: "columns", names: header, types: row as string[] };
        continue;
      }
      bytes += line.length;
      if (seen >= limits.maxRows || bytes > limits.maxBytes) {
        truncated = seen >= limits.maxRows ? "rows" : "bytes";
        break;
      }
      seen++;
      batch.push(row);
      if (batch.length >= rowsAtOnce) {
        yield { event: "rows", rows: batch };
        batch = [];
      }
    }
    if (batch.length > 0) yield { event: "rows", rows: batch };
    yield { event: "end", rows: seen, bytes, elapsedMs: nowMs() - startedMs, truncated };
  } catch (error) {
    yield { event: "error", ...readError(error, signal.aborted) };
  } finally {
    enough.abort();
  }
}

/** ClickHouse's own message without the version it ends with, and the position that it names. */
export function readError(error: unknown, cancelled: boolean): { message: string; position: number | null } {
  if (cancelled) return { message: "cancelled", position: null };
  const text = error instanceof Error ? error.message : String(error);
  const position = /(?:position|pos:?)\s+(\d+)/i.exec(text)?.[1];
  return { message: text.replace(/\s*\(version [^)]*\)\s*$/, "").slice(0, 2000), position: position ? Number(position) - 1 : null };
}
