import { readFileSync, statSync } from "node:fs";
import type { FileProblem } from "../../../collector/kernel/errors.ts";
import type { ClientFile } from "./client-files.ts";
import { parseJsonc } from "./jsonc.ts";
import { unbridged, type RawServer } from "./leads-to.ts";
import { isObject, placeOf, SyntaxFault, type Parsed, type Plain } from "./syntax.ts";
import { parseToml } from "./toml.ts";

/** A server as one file of a client has it. */
export interface ConfiguredServer {
  readonly from: ClientFile;
  readonly line: number;
  readonly name: string;
  readonly disabled: boolean;
  readonly raw: RawServer;
}

const MAX_BYTES = 32 * 1024 * 1024;
const MAX_SERVERS = 1000;
const MAX_NAME_CHARS = 128;

/** The servers of one file; none where there is no such file. What cannot be read is added to `problems`, by line, and the rest is read. */
export function readServers(from: ClientFile, problems: FileProblem[]): ConfiguredServer[] {
  const text = readText(from.file, problems);
  if (text === undefined || text.trim() === "") return [];
  const fault = (offset: number, message: string, remedy?: string): void => void problems.push({ file: from.file, ...placeOf(text, offset), message, ...(remedy ? { remedy } : {}) });
  let parsed: Parsed;
  try {
    parsed = from.format === "toml" ? parseToml(text) : parseJsonc(text);
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    fault(error.offset, error.message, `${from.client} cannot read its servers from this file either`);
    return [];
  }

  const servers: ConfiguredServer[] = [];
  for (const group of from.at.flatMap((path) => valuesAt(parsed.value, path))) {
    if (!isObject(group)) {
      fault(0, "the servers should be an object, by name");
      continue;
    }
    for (const [name, value] of Object.entries(group)) {
      if (servers.length >= MAX_SERVERS) {
        fault(0, `more than ${MAX_SERVERS} servers; the rest is left out`);
        return servers;
      }
      if (!isObject(value)) fault(parsed.offsetOf(group), "a server should be an object");
      else servers.push(configured(from, placeOf(text, parsed.offsetOf(value)).line, name, value));
    }
  }
  return servers;
}

function configured(from: ClientFile, line: number, name: string, value: Readonly<Plain>): ConfiguredServer {
  const disabled = value.disabled === true || value.enabled === false;
  return { from, line, name: name.slice(0, MAX_NAME_CHARS), disabled, raw: unbridged(rawServer(value, from.client)) };
}

function readText(file: string, problems: FileProblem[]): string | undefined {
  const fault = (message: string): undefined => void problems.push({ file, line: 1, column: 1, message });
  try {
    const info = statSync(file);
    if (!info.isFile()) return fault("not a file");
    if (info.size > MAX_BYTES) return fault(`larger than ${MAX_BYTES / 1024 / 1024} MB`);
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ENOTDIR" ? undefined : fault(`cannot be read: ${code ?? "unknown error"}`);
  }
}

function valuesAt(value: unknown, path: readonly string[]): unknown[] {
  const [key, ...rest] = path;
  if (key === undefined) return value === undefined || value === null ? [] : [value];
  if (!isObject(value)) return [];
  return (key === "*" ? Object.values(value) : [value[key]]).flatMap((inner) => valuesAt(inner, rest));
}

/** The clients' words for the same things, taken together: no word means two things in two of them, but for Gemini's `url`. */
function rawServer(entry: Readonly<Plain>, client: string): RawServer {
  const nested = isObject(entry.transport) ? entry.transport : {};
  const program = isObject(entry.command) ? entry.command : entry;
  const url = textOf(entry.url) ?? textOf(entry.httpUrl) ?? textOf(entry.serverUrl) ?? textOf(nested.url);
  const command = textOf(entry.command) ?? textOf(program.path) ?? textOf(program.command);
  const hint = (textOf(entry.type) ?? textOf(entry.transport) ?? textOf(nested.type) ?? "").toLowerCase();
  return {
    ...(url === undefined ? { command } : { url }),
    args: Array.isArray(program.args) ? program.args.map((arg) => (typeof arg === "string" ? arg : JSON.stringify(arg) ?? "")) : [],
    env: { ...strings(program.env), ...forwarded(entry.env_vars) },
    headers: { ...strings(nested.headers), ...strings(entry.headers), ...strings(entry.http_headers), ...references(entry.env_http_headers), ...bearer(entry) },
    transport: url === undefined ? (command === undefined ? "unknown" : "stdio") : httpTransport(url, hint, client === "Gemini CLI" && entry.url !== undefined),
    extension: entry.source === "extension" || (client === "Zed" && isObject(entry.settings)),
  };
}

function httpTransport(url: string, hint: string, gemini: boolean): RawServer["transport"] {
  if (hint === "sse") return "sse";
  if (hint.startsWith("ws") || hint === "websocket" || /^wss?:/i.test(url)) return "websocket";
  if (hint !== "") return "streamable-http";
  // Gemini CLI speaks HTTP+SSE to a `url` and Streamable HTTP to an `httpUrl`; elsewhere the path is the only sign.
  return gemini || /\/sse\/?(?:\?|$)/.test(url) ? "sse" : "streamable-http";
}

/** Codex names variables in place of values: those to hand on, those that hold a header, the one that holds a bearer token. */
function forwarded(names: unknown): Record<string, string> {
  const list = Array.isArray(names) ? names.map((name: unknown) => (isObject(name) ? name.name : name)) : [];
  return Object.fromEntries(list.filter((name): name is string => typeof name === "string").map((name) => [name, `\${${name}}`]));
}

function references(headers: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(strings(headers)).map(([header, name]) => [header, `\${${name}}`]));
}

function bearer({ bearer_token_env_var: variable, bearer_token: token }: Readonly<Plain>): Record<string, string> {
  if (typeof variable === "string") return { Authorization: `Bearer \${${variable}}` };
  return typeof token === "string" ? { Authorization: `Bearer ${token}` } : {};
}

function strings(value: unknown): Record<string, string> {
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, typeof item === "string" ? item : item === null ? "" : JSON.stringify(item)]));
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
