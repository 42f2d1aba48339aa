import { hash } from "node:crypto";

/** What a server says of a tool, as far as it changes what an agent does with it. */
export interface ToolDefinition {
  readonly name: string;
  readonly title?: unknown;
  readonly description?: unknown;
  readonly inputSchema?: unknown;
  readonly outputSchema?: unknown;
  readonly annotations?: unknown;
}

const members = ["name", "title", "description", "inputSchema", "outputSchema", "annotations"] as const;

/** Deeper or longer definitions are not compared and not passed on: they would cost every reader, agents first. */
export const MAX_DEPTH = 64;
export const MAX_DEFINITION_CHARS = 65_536;
export const MAX_NAME_CHARS = 256;

/** A definition with its canonical text and the hash of that; equal definitions have equal texts. */
export interface PinnedText {
  readonly definition: ToolDefinition;
  readonly text: string;
  readonly hash: string;
}

/** The part of a tool that is pinned. Icons, `_meta` and members that nobody knows are left out: agents don't read them. */
export function definitionOf(tool: object): ToolDefinition {
  const all = tool as Readonly<Record<string, unknown>>;
  return Object.fromEntries(members.filter((m) => all[m] !== undefined).map((m) => [m, all[m]])) as unknown as ToolDefinition;
}

/** `sha256:` and 64 hex digits over the canonical JSON. Throws RangeError for what `canonicalDefinition` refuses. */
export function definitionHash(tool: object): string {
  const found = canonicalDefinition(tool);
  if (!found) throw new RangeError("the definition is too large or too deep to be pinned");
  return found.hash;
}

/** Undefined for a definition beyond the bounds above. */
export function canonicalDefinition(tool: object): PinnedText | undefined {
  const definition = definitionOf(tool);
  const text = canonicalText(definition);
  return text === undefined ? undefined : { definition, text, hash: `sha256:${hash("sha256", text)}` };
}

/** JSON with keys in code unit order. Undefined beyond the bounds: the recursion must end before the stack does. */
export function canonicalText(value: unknown): string | undefined {
  let room = MAX_DEFINITION_CHARS;
  const take = (text: string): string => {
    room -= text.length;
    if (room < 0) throw tooLarge;
    return text;
  };
  const write = (v: unknown, depth: number): string => {
    if (depth > MAX_DEPTH) throw tooLarge;
    if (typeof v !== "object" || v === null) return take(JSON.stringify(v) ?? "null");
    take("[]");
    if (Array.isArray(v)) return `[${v.map((item) => write(item, depth + 1)).join(",")}]`;
    const record = v as Readonly<Record<string, unknown>>;
    const keys = Object.keys(record).filter((key) => record[key] !== undefined);
    return `{${keys.sort().map((key) => `${take(JSON.stringify(key))}:${write(record[key], depth + 1)}`).join(",")}}`;
  };
  try {
    return write(value, 0);
  } catch (error) {
    if (error === tooLarge) return undefined;
    throw error;
  }
}

const tooLarge = new RangeError("too large");

/** The definition that an event or a file holds as text; undefined where it holds none. */
export function parseDefinition(text: string): ToolDefinition | undefined {
  if (text === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && typeof (value as { name?: unknown }).name === "string" ? definitionOf(value) : undefined;
  } catch {
    return undefined;
  }
}
