import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { tokenize } from "../engine/tokens.ts";
import { SignalboxError } from "../kernel/errors.ts";
import { bindParams, parseSql, type SqlFile } from "../store/sql-file.ts";
import { errorInResult, sqlError } from "./errors.ts";
import { isForPeople, sqlFormats, type SqlFormat } from "./formats.ts";
import { showable } from "./terminal.ts";

export interface SqlRequest {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  readonly query: string;
  readonly params: Readonly<Record<string, string>>;
  readonly format: SqlFormat;
  readonly timeoutSeconds: number;
  /** The lines go to a terminal, whatever their format. */
  readonly toTerminal: boolean;
  print(line: string): void;
}

const MAX_RESULT_ROWS = "1000000";
const MAX_RESULT_BYTES = String(256 * 1024 * 1024);

/**
 * Runs one query that can only read and prints its result line by line. `readonly=1` goes along as a setting: neither the
 * query nor anything in it can take that back. Throws SignalboxError.
 */
export async function runSql(request: SqlRequest): Promise<void> {
  const { url, username, password, database, params, format, timeoutSeconds } = request;
  const sql = parseSql("the query", request.query);
  mustRead(sql.text);
  bindParams(sql, params);
  const plain = Object.entries(params).filter(([name]) => !isContainer(sql, name));
  const containers = Object.entries(params).filter(([name]) => isContainer(sql, name));
  const client = createClient({
    url,
    username,
    password,
    database,
    application: "signalbox",
    // The engine ends the query first and says so; this is for a store that hangs.
    request_timeout: (timeoutSeconds + 10) * 1000,
    log: { level: ClickHouseLogLevel.OFF },
  });
  try {
    const { stream, response_headers } = await client.exec({
      query: sql.text,
      query_params: Object.fromEntries(plain),
      clickhouse_settings: {
        ...Object.fromEntries(containers.map(([name, value]) => [`param_${name}`, value])),
        ...({ default_format: sqlFormats[format] } as object),
        log_comment: "sql",
        max_execution_time: timeoutSeconds,
        max_result_rows: MAX_RESULT_ROWS,
        max_result_bytes: MAX_RESULT_BYTES,
        readonly: "1",
      },
    });
    const clean = request.toTerminal || isForPeople(format) ? showable : (line: string) => line;
    await printLines(stream, String(response_headers["x-clickhouse-exception-tag"] ?? ""), (line) => request.print(clean(line)));
  } catch (error) {
    throw sqlError(error, url);
  } finally {
    await client.close();
  }
}

/** `readonly` lets KILL QUERY pass, and a word about what this command is for is clearer than the engine's. */
const READING = new Set(["SELECT", "WITH", "FROM", "(", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN"]);

function mustRead(text: string): void {
  const first = tokenize(text)[0]?.text.toUpperCase() ?? "";
  if (READING.has(first)) return;
  throw new SignalboxError("E_SQL_NOT_A_READ", `\`signalbox sql\` only reads; a statement that begins with ${first} is not sent`);
}

/** A list or map is given as ClickHouse writes it, `['a','b']`: the client would take it for text and quote its quotes. */
function isContainer(sql: SqlFile, name: string): boolean {
  return /^(Array|Map|Tuple)\b/.test(sql.parameters.get(name) ?? "");
}

const EXCEPTION = "__exception__";

/**
 * A query that fails after its first rows tells so at the end of the body: a line `__exception__`, a line with the tag
 * that the response's header announced, then the message. The tag is random, so no value in a result can pretend to be one.
 */
async function printLines(stream: AsyncIterable<Buffer>, tag: string, print: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  const failure: string[] = [];
  let rest = "";
  let held: string | undefined;
  const take = (line: string): void => {
    if (failure.length > 0) return void failure.push(line);
    if (held !== undefined) {
      if (tag !== "" && line.trimEnd() === tag) return void failure.push(line);
      print(held);
      held = undefined;
    }
    if (line.trimEnd() === EXCEPTION) held = line;
    else print(line);
  };
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  }
  if (rest !== "") take(rest);
  if (held !== undefined && failure.length === 0) print(held);
  if (failure.length > 0) throw errorInResult(failure.slice(1).join("\n"));
}
