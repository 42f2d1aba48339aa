import type { EngineUser, ReadonlyLimits } from "./config.ts";
import { DENIED_SETTINGS } from "./denied.ts";
import { EngineException } from "./exceptions.ts";
import { literal } from "./statement.ts";

/** A request's URL parameters, sorted by who they are for. */
export interface RequestParameters {
  query: string;
  queryId: string;
  database: string;
  defaultFormat: string;
  sessionId: string;
  sessionTimeoutS: number;
  sessionCheck: boolean;
  compressResponse: boolean;
  /** The body comes in frames of ClickHouse's own compression, and the answer is to. */
  framedRequest: boolean;
  framedResponse: boolean;
  /** Of the client's native protocol; 0 where it says nothing. */
  clientProtocolVersion: number;
  waitEndOfQuery: boolean;
  /** Credentials in the URL, where there are any. */
  user: string | undefined;
  password: string | undefined;
  /** Values for `{name:Type}`, in ClickHouse's escaped form, as they came. */
  bindings: [name: string, value: string][];
  /** Everything else: settings of the engine. */
  settings: [name: string, value: string][];
}

/** Keys that ClickHouse's HTTP interface understands and the engine does not: accepted, without effect here. */
const IGNORED = new Set([
  "role",
  "buffer_size",
  "cancel_http_readonly_queries_on_client_close",
  "close_session",
  "http_headers_progress_interval_ms",
  "http_write_exception_in_output_format",
  "http_zlib_compression_level",
  "log_queries_cut_to_length",
  "quota_key",
  "send_progress_in_http_headers",
  "stacktrace",
]);
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const DEFAULT_SESSION_TIMEOUT_S = 60;
const MAX_SESSION_TIMEOUT_S = 3600;

/** Throws a ClickHouse error for a name that cannot be one, and for a session timeout out of bounds. */
export function readParameters(url: URLSearchParams, defaultDatabase: string): RequestParameters {
  const is = (name: string): boolean => ["1", "true"].includes(url.get(name) ?? "");
  const bindings: [string, string][] = [];
  const settings: [string, string][] = [];
  for (const [key, value] of url) {
    if (DENIED_SETTINGS.includes(key) && !IGNORED.has(key)) {
      throw EngineException.of("ACCESS_DENIED", `Setting ${key} cannot be changed here.`);
    }
    if (FRONT_KEYS.has(key) || IGNORED.has(key)) continue;
    const binding = key.startsWith("param_");
    const name = binding ? key.slice("param_".length) : key;
    if (!NAME.test(name)) throw EngineException.of("UNKNOWN_SETTING", `Unknown setting '${key}'.`);
    (binding ? bindings : settings).push([name, value]);
  }
  return {
    query: url.get("query") ?? "",
    queryId: url.get("query_id") ?? "",
    database: url.get("database") || defaultDatabase,
    defaultFormat: url.get("default_format") || "TabSeparated",
    sessionId: url.get("session_id") ?? "",
    sessionTimeoutS: sessionTimeout(url.get("session_timeout")),
    sessionCheck: is("session_check"),
    compressResponse: is("enable_http_compression"),
    framedRequest: is("decompress"),
    framedResponse: is("compress"),
    clientProtocolVersion: Number(url.get("client_protocol_version") ?? 0) || 0,
    waitEndOfQuery: is("wait_end_of_query"),
    user: url.get("user") ?? undefined,
    password: url.get("password") ?? undefined,
    bindings,
    settings,
  };
}

const FRONT_KEYS = new Set([
  "query",
  "query_id",
  "database",
  "default_format",
  "session_id",
  "session_timeout",
  "session_check",
  "enable_http_compression",
  "compress",
  "decompress",
  "client_protocol_version",
  "wait_end_of_query",
  "user",
  "password",
]);

function sessionTimeout(text: string | null): number {
  if (text === null) return DEFAULT_SESSION_TIMEOUT_S;
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= MAX_SESSION_TIMEOUT_S)) {
    throw EngineException.of("INVALID_SESSION_TIMEOUT", `Session timeout '${text}' is not between 1 and ${MAX_SESSION_TIMEOUT_S}.`);
  }
  return seconds;
}

/** What a read-only client may set: how results look, and what cannot raise a limit. */
const READONLY_MAY_SET =
  /^(output_format_\w+|format_(csv|tsv)_\w+|date_time_output_format|log_comment|session_timezone|max_block_size|max_threads|extremes|final|join_use_nulls|use_query_cache|result_overflow_mode|timeout_before_checking_execution_speed)$/;

/**
 * The settings of one request, in the order in which they must be applied.
 *
 * For a read-only user that is: what it may choose, then its limits (it may ask for less, never for more), then
 * readonly=1, which the engine does not let anybody take back. `readonlyRequest` is an HTTP GET: readonly=2, as in
 * ClickHouse, so that nothing is written and settings in the query still work.
 */
export function effectiveSettings(
  asked: readonly [string, string][],
  user: EngineUser,
  limits: ReadonlyLimits,
  readonlyRequest: boolean,
): [string, string][] {
  if (user.access === "full") return readonlyRequest ? [...asked, ["readonly", "2"]] : [...asked];
  const caps: [string, number][] = [
    ["max_execution_time", limits.maxExecutionTimeS],
    ["max_memory_usage", limits.maxMemoryBytes],
    ["max_result_rows", limits.maxResultRows],
    ["max_result_bytes", limits.maxResultBytes],
    ["max_rows_to_read", limits.maxRowsToRead],
  ];
  const capped = new Map(caps);
  const chosen: [string, string][] = [];
  for (const [name, value] of asked) {
    const cap = capped.get(name);
    if (cap !== undefined) {
      const wanted = Number(value);
      // 0 means "no limit" to ClickHouse.
      if (wanted > 0 && wanted < cap) capped.set(name, wanted);
    } else if (READONLY_MAY_SET.test(name)) {
      chosen.push([name, value]);
    } else if (name !== "readonly") {
      throw EngineException.of("READONLY", `Cannot modify '${name}' setting in readonly mode.`);
    }
  }
  return [...chosen, ...[...capped].map(([name, n]): [string, string] => [name, String(n)]), ["readonly", "1"]];
}

/** One SET statement for everything, or undefined where there is nothing to set. */
export function setStatement(
  settings: readonly [string, string][],
  bindings: readonly [string, string][],
): string | undefined {
  const parts = [
    ...bindings.map(([name, value]) => `param_${name} = ${literal(value)}`),
    ...settings.map(([name, value]) => `${name} = ${literal(value)}`),
  ];
  return parts.length === 0 ? undefined : `SET ${parts.join(", ")}`;
}
