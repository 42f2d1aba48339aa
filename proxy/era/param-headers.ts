import type { IncomingHttpHeaders } from "node:http";
import { isObject, type JsonObject } from "../transport/envelope.ts";
import { decodeHeader } from "./classify.ts";

/** An argument that clients of the newest revision repeat in a header, as the tool's definition asks for with `x-mcp-header`. */
export interface ParamHeader {
  /** As Node gives it: in lower case. */
  readonly header: string;
  readonly path: readonly string[];
  readonly isNumber: boolean;
}

const ANNOTATION = "x-mcp-header";
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
const types: ReadonlySet<unknown> = new Set(["string", "integer", "boolean"]);
const MAX_DEPTH = 64;
const MAX_HEADERS = 64;
const none: readonly ParamHeader[] = Object.freeze([]);

/**
 * Pure. The headers that a definition asks for. None where it breaks one of the rules for them (only on properties, through
 * nothing but properties, of a type that has one spelling, no name twice): clients then leave the whole tool out or send none.
 */
export function paramHeaders(inputSchema: unknown): readonly ParamHeader[] {
  const found: ParamHeader[] = [];
  return collect(inputSchema, [], found) ? found : none;
}

function collect(schema: unknown, path: readonly string[], found: ParamHeader[]): boolean {
  if (!isObject(schema)) return true;
  if (path.length > MAX_DEPTH) return false;
  if (Object.hasOwn(schema, ANNOTATION)) {
    const name = schema[ANNOTATION];
    if (path.length === 0 || typeof name !== "string" || !TOKEN.test(name) || !types.has(schema.type)) return false;
    const header = `mcp-param-${name.toLowerCase()}`;
    if (found.length >= MAX_HEADERS || found.some((one) => one.header === header)) return false;
    found.push({ header, path, isNumber: schema.type === "integer" });
  }
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === "properties" && isObject(value)) {
      for (const [name, inner] of Object.entries(value)) if (!collect(inner, [...path, name], found)) return false;
    } else if (keyword !== ANNOTATION && !values.has(keyword) && annotates(value, MAX_DEPTH)) return false;
  }
  return true;
}

/** Keywords that hold values and no schemas: what they say is nobody's annotation. */
const values: ReadonlySet<string> = new Set(["default", "const", "enum", "examples"]);

function annotates(value: unknown, left: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (left === 0 || Object.hasOwn(value, ANNOTATION)) return true;
  return Object.entries(value).some(([keyword, inner]) => !values.has(keyword) && annotates(inner, left - 1));
}

const DECIMAL = /^-?\d+(?:\.\d+)?$/;

/**
 * Pure. The header that does not say what the body says; null where all do. A value that is absent or null has no header, one
 * that is no scalar or a number beyond 2^53 none that could be compared. Headers that no definition asks for pass unread.
 */
export function paramMismatch(wanted: readonly ParamHeader[], args: unknown, headers: IncomingHttpHeaders): string | null {
  for (const { header, path, isNumber } of wanted) {
    const value = valueAt(args, path);
    const written = typeof value === "string" ? value : typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value)) ? String(value) : null;
    if (written === null) continue;
    const given = headers[header];
    const decoded = typeof given === "string" ? decodeHeader(given) : null;
    if (decoded === null) return header;
    const same = isNumber && typeof value === "number" && DECIMAL.test(decoded) ? Number(decoded) === value : decoded === written;
    if (!same) return header;
  }
  return null;
}

function valueAt(args: unknown, path: readonly string[]): unknown {
  let at: unknown = args;
  for (const name of path) {
    if (!isObject(at) || !Object.hasOwn(at, name)) return undefined;
    at = (at as JsonObject)[name];
  }
  return at;
}
