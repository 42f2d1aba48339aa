import type { EngineConfig } from "./config.ts";
import type { Connection } from "./connections.ts";
import { EngineException, toException } from "./exceptions.ts";
import type { EngineParts, RunRequest } from "./run.ts";
import { effectiveSettings, setStatement } from "./settings.ts";
import { readHead } from "./stage.ts";
import { startsAsInsert } from "./statement.ts";

export interface StatementText {
  sql: string;
  /** The same as bytes: an INSERT's data need not be text. */
  bytes: Buffer;
  rest: AsyncIterable<Buffer>;
  complete: boolean;
}

/** As in ClickHouse, the URL's query and the body are one text, the query first. */
export async function readStatement(config: EngineConfig, request: RunRequest): Promise<StatementText> {
  const { query } = request.parameters;
  const max = config.limits.maxQueryBytes;
  if (Buffer.byteLength(query) > max) throw tooLong(config);
  const prefix = Buffer.from(query === "" ? "" : `${query}\n`);
  // The body of an INSERT in the URL is all data: nothing of it has to be read to know the statement.
  const limit = startsAsInsert(query) ? 1 : max + 1 - prefix.length;
  const { head, whole, rest } = await readHead(request.body, Math.max(limit, 1));
  const bytes = Buffer.concat([prefix, head]);
  return { sql: bytes.toString("utf8"), bytes, rest, complete: whole && bytes.length <= max + 1 };
}

export function tooLong(config: EngineConfig): EngineException {
  return EngineException.of("SYNTAX_ERROR", `Max query size exceeded (limit ${config.limits.maxQueryBytes} bytes).`);
}

/**
 * Applies the request's settings to its connection. `keeps` says that the connection outlives the request (a session):
 * then the result puts the former values back.
 */
export async function applySettings(
  parts: EngineParts,
  connection: Connection,
  request: RunRequest,
  keeps: boolean,
): Promise<() => Promise<void>> {
  const { parameters, user } = request;
  const limits = parts.config.limits.readonly;
  const settings = effectiveSettings(parameters.settings, user, limits, request.isGet && !keeps);
  const exec = (sql: string): Promise<unknown> =>
    connection.use((handle) => parts.native.QueryAsyncConnection(handle, sql, "Null")).catch((error: unknown) => {
      throw toException(error);
    });
  if (parameters.database !== parts.config.database) {
    await exec(`USE \`${parameters.database.replace(/[\\`]/g, "\\$&")}\``);
  }
  const before = keeps && settings.length > 0 ? await currentSettings(parts, connection, settings.map(([name]) => name)) : [];
  const set = setStatement(settings, parameters.bindings);
  if (set) await exec(set);
  return async () => {
    if (!keeps) return;
    const back = setStatement(before, []);
    if (back) await exec(back);
    if (parameters.database !== parts.config.database) await exec(`USE ${parts.config.database}`);
  };
}

async function currentSettings(parts: EngineParts, connection: Connection, names: string[]): Promise<[string, string][]> {
  const list = names.map((name) => `'${name}'`).join(", ");
  const sql = `SELECT name, value FROM system.settings WHERE name IN (${list})`;
  const result = await connection.use((handle) => parts.native.QueryAsyncConnection(handle, sql, "JSONCompactEachRow"));
  const lines = result.bytes.toString("utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line) as [string, string]);
}
