import { ClickHouseError } from "@clickhouse/client";
import { SignalboxError } from "../kernel/errors.ts";
import { showable } from "./terminal.ts";

const MAX_MESSAGE_CHARS = 400;

/** What went wrong with a query, in one line with ClickHouse's code. Messages quote the query and its values. */
export function sqlError(error: unknown, url: string): SignalboxError {
  if (error instanceof SignalboxError) return error;
  if (error instanceof ClickHouseError) return refusedQuery(error.code, error.type ?? "", error.message, error);
  const reason = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
  return new SignalboxError("E_STORE_UNREACHABLE", `the store at ${url} does not answer (${oneLine(reason)})`, {
    remedy: "is `signalbox up` running?",
    cause: error,
  });
}

/** An error that came at the end of a result that had already begun: `Code: 159. DB::Exception: ... (TIMEOUT_EXCEEDED)`. */
export function errorInResult(text: string): SignalboxError {
  const code = /Code: (\d+)\./.exec(text)?.[1] ?? "unknown";
  const [, message, type] = /DB::Exception:\s*(.*?)\s*\(([A-Z][A-Z_0-9]+)\)/s.exec(text) ?? [];
  return refusedQuery(code, type ?? "", message ?? text, undefined);
}

const remedies: Readonly<Record<string, string>> = {
  "158": "narrow the query, for instance to a shorter time",
  "159": "narrow the query, or give it more time with --timeout",
  "164": "`signalbox sql` only reads",
  "396": "ask for fewer rows, for instance with LIMIT",
  "516": "check store.username and store.password",
};

function refusedQuery(code: string, type: string, message: string, cause: unknown): SignalboxError {
  const remedy = remedies[code];
  return new SignalboxError("E_SQL", `${type || "error"} (ClickHouse code ${code}): ${oneLine(message)}`, {
    ...(remedy === undefined ? {} : { remedy }),
    ...(cause === undefined ? {} : { cause }),
  });
}

function oneLine(text: string): string {
  // A syntax error goes on with every word of the language that would have been right.
  const line = showable(text.trim().replace(/\s+/g, " ").replace(/ Expected one of: .*/, ""));
  return line.length > MAX_MESSAGE_CHARS ? `${line.slice(0, MAX_MESSAGE_CHARS)}...` : line;
}
