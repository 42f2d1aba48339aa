import { encodeHeader } from "../../era/classify.ts";
import { isObject, type JsonObject } from "../envelope.ts";

interface Declaration {
  readonly header: string;
  readonly path: readonly string[];
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const kinds = new Set(["string", "integer", "boolean"]);
/** Of a list that somebody else wrote: deeper and further ones are no arguments that a header was meant for. */
const MAX_DEPTH = 16;
const MAX_HEADERS = 64;
const MAX_TOOLS = 2000;

/**
 * Which arguments the newest revision wants repeated in `Mcp-Param-*` headers. A tool's schema says so, and a client over
 * pipes neither knows nor needs it: the lists of tools that pass by are read for it.
 */
export class ParamHeaders {
  readonly #byTool = new Map<string, readonly Declaration[]>();

  /** Takes note of a tools/list result. */
  learn(result: unknown): void {
    const tools = isObject(result) && Array.isArray(result.tools) ? (result.tools as unknown[]) : [];
    for (const tool of tools) {
      if (!isObject(tool) || typeof tool.name !== "string") continue;
      if (this.#byTool.size >= MAX_TOOLS && !this.#byTool.has(tool.name)) return;
      const found: Declaration[] = [];
      collect(tool.inputSchema, [], found);
      this.#byTool.set(tool.name, found);
    }
  }

  /** Whether any list has named the tool. */
  knows(tool: string): boolean {
    return this.#byTool.has(tool);
  }

  of(tool: string, args: unknown): Record<string, string> {
    const headers: Record<string, string> = {};
    for (const { header, path } of this.#byTool.get(tool) ?? []) {
      const text = textOf(path.reduce<unknown>((value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined), args));
      if (text !== undefined) headers[`mcp-param-${header}`] = encodeHeader(text);
    }
    return headers;
  }
}

function collect(schema: unknown, path: readonly string[], into: Declaration[]): void {
  if (!isObject(schema) || path.length > MAX_DEPTH || into.length >= MAX_HEADERS) return;
  const header = schema["x-mcp-header"];
  if (path.length > 0 && typeof header === "string" && TOKEN.test(header) && kinds.has(String(schema.type))) into.push({ header: header.toLowerCase(), path });
  if (!isObject(schema.properties)) return;
  for (const [name, property] of Object.entries(schema.properties as JsonObject)) collect(property, [...path, name], into);
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  return typeof value === "number" && Number.isFinite(value) ? String(value) : undefined;
}
