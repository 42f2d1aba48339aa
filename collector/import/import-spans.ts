import { sqlTime } from "../audit/time.ts";
import type { Store } from "../store/client.ts";
import { loadSql, parseSql, type SqlFile } from "../store/sql-file.ts";

/** Why a span became no call, in the order of the table that is printed. */
export const reasons = {
  not_mcp: "names no MCP method or tool",
  own_record: "is a record of a Signalbox proxy, and in `calls` already",
  same_call: "is another side of a call that is told by a span nearer to the caller",
  imported_before: "was imported before",
  repeated: "has the ids of another span",
  no_id: "has no trace id or span id to know it by",
} as const;
export type Reason = keyof typeof reasons;

export interface ImportOptions {
  readonly store: Store;
  readonly database: string;
  readonly table: string;
  /** Null for as far as the table goes. */
  readonly sinceMs: number | null;
  readonly untilMs: number;
  readonly dryRun: boolean;
  readonly spansPerStatement?: number;
  onDay?(day: DayResult): void;
  readonly signal?: AbortSignal;
}

export interface DayResult {
  readonly day: string;
  readonly read: number;
  readonly mapped: number;
}

export interface ImportReport {
  readonly days: number;
  readonly read: number;
  readonly mapped: number;
  readonly skipped: Readonly<Record<Reason, number>>;
  /** Of the mapped ones, by the service whose spans they were. */
  readonly services: Readonly<Record<string, number>>;
  readonly dryRun: boolean;
  /** True where it was told to stop; the days before are in, and the next run goes on. */
  readonly stopped: boolean;
}

const DAY_MS = 86_400_000;
/** What one statement sorts and joins has to fit into a query's memory, so a busy day is cut into at most so many parts. */
const SPANS_PER_STATEMENT = 100_000;
const MAX_PARTS = 24;
const mapping = loadSql(new URL("./spans-to-calls.sql", import.meta.url));
const days = loadSql(new URL("./days.sql", import.meta.url));

const columns = [
  "ts", "producer", "seq", "trace_id", "span_id", "parent_span_id", "agent", "principal", "client_name", "client_version", "client_address",
  "protocol_version", "transport", "method", "rpc_id", "tool", "prompt", "resource_uri", "session_id", "server", "environment", "decision",
  "basis", "outcome", "error_type", "rpc_code", "http_status", "request_bytes", "result_bytes", "duration_us", "upstream_us",
].join(", ");

// The same mapping counts and inserts, so that what is counted is what is inserted. Nothing but our own texts is joined here.
const count: SqlFile = parseSql(
  "import-count.sql",
  `SELECT skipped, if(skipped = '', producer, '') AS service, toUInt32(count()) AS spans FROM (\n${mapping.text}\n) GROUP BY skipped, service`,
);
// A window of blocks that were seen would keep rows out that somebody deleted and now imports anew: what is in `calls` decides.
const insert = `INSERT INTO calls (${columns}) SELECT ${columns} FROM (\n${mapping.text}\n) WHERE skipped = '' SETTINGS insert_deduplicate = 0, async_insert = 0`;

/**
 * Makes calls of the MCP spans that other programs sent, inside the engine and a day at a time. May be repeated: what is in
 * `calls` already is left out. Two at once would count the same calls twice.
 */
export async function importSpans(options: ImportOptions): Promise<ImportReport> {
  const { store, database, table, untilMs, dryRun, onDay, signal } = options;
  const source = { database, table };
  const skipped: Record<Reason, number> = { not_mcp: 0, own_record: 0, same_call: 0, imported_before: 0, repeated: 0, no_id: 0 };
  const services: Record<string, number> = {};
  let [read, mapped, done] = [0, 0, 0];
  const range = { ...source, from: sqlTime(options.sinceMs ?? 0), to: sqlTime(untilMs) };
  const importPart = async (window: { database: string; table: string; from: string; to: string }, today: { read: number; mapped: number }): Promise<void> => {
    let found = 0;
    for (const row of await store.query<{ skipped: Reason | ""; service: string; spans: number }>(count, window)) {
      today.read += row.spans;
      if (row.skipped !== "") {
        skipped[row.skipped] += row.spans;
        continue;
      }
      found += row.spans;
      const service = row.service.slice("import:".length);
      services[service] = (services[service] ?? 0) + row.spans;
    }
    today.mapped += found;
    if (!dryRun && found > 0) await store.command(insert, window);
  };
  for (const { day, spans } of await store.query<{ day: string; spans: number }>(days, range)) {
    if (signal?.aborted) break;
    const today = { day, read: 0, mapped: 0 };
    for (const [fromMs, toMs] of partsOf(day, spans, options)) await importPart({ ...source, from: sqlTime(fromMs), to: sqlTime(toMs) }, today);
    read += today.read;
    mapped += today.mapped;
    done++;
    onDay?.(today);
  }
  return { days: done, read, mapped, skipped, services, dryRun, stopped: signal?.aborted ?? false };
}

/** The day, or parts of it of the same length, within the range that was asked for. */
function partsOf(day: string, spans: number, { sinceMs, untilMs, spansPerStatement = SPANS_PER_STATEMENT }: ImportOptions): [fromMs: number, toMs: number][] {
  const fromMs = Math.max(Date.parse(`${day}T00:00:00Z`), sinceMs ?? 0);
  const toMs = Math.min(Date.parse(`${day}T00:00:00Z`) + DAY_MS, untilMs);
  const parts = Math.min(MAX_PARTS, Math.max(1, Math.ceil(spans / spansPerStatement)));
  const at = (i: number): number => fromMs + Math.floor(((toMs - fromMs) * i) / parts);
  return Array.from({ length: parts }, (_, i) => [at(i), at(i + 1)]);
}

export function describeImport(report: ImportReport): string[] {
  const { read, mapped, skipped, services, days: n, dryRun, stopped } = report;
  const rows: [string, number, string][] = [
    [dryRun ? "would be calls" : "became calls", mapped, ""],
    ...(Object.keys(reasons) as Reason[]).filter((reason) => skipped[reason] > 0).map((reason): [string, number, string] => [`skipped: ${reason}`, skipped[reason], reasons[reason]]),
  ];
  const width = Math.max(...rows.map(([what]) => what.length));
  const digits = Math.max(...rows.map(([, spans]) => String(spans).length));
  return [
    `${read} spans of ${n} ${n === 1 ? "day" : "days"} were read.`,
    ...rows.map(([what, spans, why]) => `  ${what.padEnd(width)}  ${String(spans).padStart(digits)}  ${why}`.trimEnd()),
    ...Object.entries(services).sort(([, a], [, b]) => b - a).map(([service, spans]) => `  from ${service}: ${spans}`),
    ...(stopped ? ["It was stopped; the next run goes on where this one ended."] : []),
  ];
}
