import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { EngineConfig, EngineUser } from "./config.ts";
import type { Connection, Connections } from "./connections.ts";
import { denialInIdentifiers, denialInValues } from "./denied.ts";
import { EngineException, toException } from "./exceptions.ts";
import { isFormatName } from "./formats.ts";
import { admit, READ, type Guard } from "./guard.ts";
import { helloBlock, isHello } from "./hello.ts";
import type { Native } from "./native.ts";
import type { Pipes } from "./pipe.ts";
import { applySettings, readStatement, tooLong, type StatementText } from "./prepare.ts";
import type { RequestParameters } from "./settings.ts";
import { joined, type Stage, type StagedFile } from "./stage.ts";
import { parseStatement, startsAsInsert, type DataInsert, type SelectStatement } from "./statement.ts";

/** What a query read, wrote and took; the numbers of X-ClickHouse-Summary. */
export interface Summary {
  readRows: number;
  readBytes: number;
  writtenRows: number;
  writtenBytes: number;
  elapsedS: number;
}

export const NO_SUMMARY: Summary = { readRows: 0, readBytes: 0, writtenRows: 0, writtenBytes: 0, elapsedS: 0 };

/** A result on its way: `output` carries the bytes, `done` settles when the engine has ended the query. */
export interface Running {
  format: string;
  output: Readable | Buffer;
  done: Promise<Summary>;
  /** Stops a query that reads; a write runs to its end, as on a server. */
  cancel(): void;
  /** To be called once nothing is expected from it any more. Settles when the engine has let go too. */
  release(): Promise<void>;
}

export interface RunRequest {
  parameters: RequestParameters;
  user: EngineUser;
  /** HTTP GET: nothing may be written. */
  isGet: boolean;
  body: Readable;
  signal: AbortSignal;
}

export interface EngineParts {
  config: EngineConfig;
  native: Native;
  connections: Connections;
  guard: Guard;
  stage: Stage;
  pipes: Pipes;
  version: string;
  timezone: string;
  /** Runs KILL QUERY for the query that ends with `marker`. */
  kill(marker: string): void;
}

/** Unguessable, so that no query text can hold another query's marker. */
const nonce = randomBytes(8).toString("hex");
let queries = 0;

const KILL_AGAIN_MS = 200;

/** What the store calls itself. */
export const DISPLAY_NAME = "signalbox";

const MAX_VALUES_BYTES = 4 * 1024 * 1024;

/** Runs one statement on `connection`. Rejects with an EngineException where it failed before any result. */
export async function run(parts: EngineParts, connection: Connection, request: RunRequest, keeps: boolean): Promise<Running> {
  const { parameters } = request;
  if (!isFormatName(parameters.defaultFormat)) {
    throw EngineException.of("BAD_ARGUMENTS", `'${parameters.defaultFormat}' is not the name of a format.`);
  }
  const text = await readStatement(parts.config, request);
  const statement = parseStatement(text.sql, parameters.defaultFormat);
  if (parameters.clientProtocolVersion > 0 && statement.format === "Native" && isHello(statement.head)) {
    const about = { name: DISPLAY_NAME, version: parts.version, timezone: parts.timezone };
    return done(statement.format, helloBlock(about, parameters.clientProtocolVersion), NO_SUMMARY, async () => undefined);
  }
  const analysis = await connection.use((handle) => parts.guard.analyse(handle, statement.head));
  admit(analysis, request.isGet ? "readonly" : request.user.access);
  const denied = denialInIdentifiers(statement.head, new Map(parameters.bindings));
  if (denied) throw EngineException.of("ACCESS_DENIED", denied);
  const restore = await applySettings(parts, connection, request, keeps);
  const run: Run = { parts, connection, request, restore };
  if (statement.kind === "insert") return await insert(run, statement, text);
  if (!text.complete) throw tooLong(parts.config);
  if (statement.kind === "select") return select(run, statement);
  if (analysis.queryClass === READ) return await buffered(run, statement.head, statement.format);
  return await write(run, statement.head, statement.format);
}

interface Run {
  parts: EngineParts;
  connection: Connection;
  request: RunRequest;
  restore(): Promise<void>;
}

/** Every query that can be cancelled ends with a comment of its own, by which KILL QUERY finds it. */
function nextMarker(): string {
  return `/*q-${nonce}-${++queries}*/`;
}

/** A query that has only just started may not be in the process list yet, so it is told until it has heard. */
function killUntil(parts: EngineParts, marker: string, hasEnded: () => boolean): void {
  if (hasEnded()) return;
  parts.kill(marker);
  setTimeout(() => killUntil(parts, marker, hasEnded), KILL_AGAIN_MS).unref();
}

function select({ parts, connection, restore }: Run, statement: SelectStatement): Running {
  const pipe = parts.pipes.take();
  const marker = nextMarker();
  const sql = `${statement.intoFile(pipe.path)} ${marker}`;
  let ended = false;
  const done = connection
    .use((handle) => parts.native.QueryAsyncConnection(handle, sql, statement.format))
    .then(
      (result): Summary => ({ ...NO_SUMMARY, readRows: result.rowsRead, readBytes: result.bytesRead, elapsedS: result.elapsed }),
      (error: unknown) => {
        throw withoutPaths(toException(error), pipe.path);
      },
    )
    .finally(() => {
      ended = true;
      pipe.finish();
    });
  const settled = done.then(() => undefined, () => undefined);
  return {
    format: statement.format,
    output: pipe.output,
    done,
    cancel() {
      killUntil(parts, marker, () => ended);
      // A query that is stuck in writing to a client that is gone gets an error from its next write.
      pipe.output.destroy();
    },
    async release() {
      await settled;
      pipe.release();
      await restore();
    },
  };
}

/** Messages quote the statement; what the front added to it is nobody's business. */
function withoutPaths(error: EngineException, path = ""): EngineException {
  const text = error.message
    .replaceAll(` INTO OUTFILE '${path}' APPEND`, "")
    .replace(/ ?\/\*q-[0-9a-f]+-\d+\*\//g, "")
    .replace(/: \(in file\/uri [^)]*\)/g, "");
  return new EngineException(error.code, text);
}

async function buffered(run: Run, head: string, format: string): Promise<Running> {
  const { parts, connection } = run;
  const marker = nextMarker();
  let ended = false;
  const onAbort = (): void => killUntil(parts, marker, () => ended);
  run.request.signal.addEventListener("abort", onAbort, { once: true });
  try {
    const result = await connection.use((handle) => parts.native.QueryAsyncConnection(handle, `${head} ${marker}`, format));
    if (result.bytes.length > parts.config.limits.maxBufferedBytes) {
      throw EngineException.of("TOO_MANY_ROWS_OR_BYTES", `Result is larger than ${parts.config.limits.maxBufferedBytes} bytes.`);
    }
    const summary = { ...NO_SUMMARY, readRows: result.rowsRead, readBytes: result.bytesRead, elapsedS: result.elapsed };
    return finished(run, format, result.bytes, summary);
  } catch (error) {
    throw await failed(run, withoutPaths(toException(error)));
  } finally {
    ended = true;
    run.request.signal.removeEventListener("abort", onAbort);
  }
}

async function write(run: Run, head: string, format: string): Promise<Running> {
  const { parts, connection } = run;
  try {
    if (startsAsInsert(head)) {
      return finished(run, format, Buffer.alloc(0), await insertFrom(run, head));
    }
    const result = await connection.use((handle) => parts.native.QueryAsyncConnection(handle, head, format));
    return finished(run, format, result.bytes, { ...NO_SUMMARY, readRows: result.rowsRead, elapsedS: result.elapsed });
  } catch (error) {
    throw await failed(run, toException(error));
  }
}

async function insert(run: Run, statement: DataInsert, text: StatementText): Promise<Running> {
  const { parts, request } = run;
  // Offsets in bytes, so the data's start is looked for in a one-byte-a-character reading of the same text.
  const start = parseStatement(text.bytes.toString("latin1"), "Null") as DataInsert;
  const data = joined(text.bytes.subarray(start.dataStart), text.rest);
  try {
    const staged = await parts.stage.write(data, parts.config.limits.maxInsertBytes, request.signal);
    try {
      if (statement.format.toUpperCase() === "VALUES") await checkValues(staged);
      return finished(run, statement.format, Buffer.alloc(0), await insertFrom(run, statement.fromFile(staged.path)));
    } finally {
      await staged.remove();
    }
  } catch (error) {
    throw await failed(run, withoutPaths(toException(error)));
  }
}

/** VALUES is the one format whose rows may hold expressions, so its rows are looked at; bulk data takes other formats. */
async function checkValues(staged: StagedFile): Promise<void> {
  if (staged.bytes > MAX_VALUES_BYTES) {
    throw EngineException.of("QUERY_IS_TOO_LARGE", `VALUES takes at most ${MAX_VALUES_BYTES} bytes: send FORMAT JSONEachRow, CSV or Native.`);
  }
  const denied = denialInValues(await readFile(staged.path, "utf8"));
  if (denied) throw EngineException.of("ACCESS_DENIED", denied);
}

/** The raw-insert call with nothing raw to insert: it is the only one that tells how many rows were written. */
async function insertFrom({ parts, connection }: Run, sql: string): Promise<Summary> {
  const result = await connection.use((handle) =>
    parts.native.InsertRawAsyncConnection(handle, sql, Buffer.alloc(0), false),
  );
  return { ...NO_SUMMARY, writtenRows: result.rowsWritten, writtenBytes: result.bytesWritten, elapsedS: result.elapsed };
}

function finished(run: Run, format: string, output: Buffer, summary: Summary): Running {
  return done(format, output, summary, run.restore);
}

function done(format: string, output: Buffer, summary: Summary, release: () => Promise<void>): Running {
  return { format, output, done: Promise.resolve(summary), cancel: () => undefined, release };
}

async function failed(run: Run, error: EngineException): Promise<EngineException> {
  await run.restore().catch(() => undefined);
  return error;
}
