import { isObject, type JsonObject } from "../transport/envelope.ts";

/** A result is nested no deeper than this, or it is not looked into. */
export const MAX_DEPTH = 128;

export class TooDeep extends Error {}

export function isDeeper(value: unknown, left = MAX_DEPTH): boolean {
  if (typeof value !== "object" || value === null) return false;
  return left === 0 || Object.values(value).some((inner) => isDeeper(inner, left - 1));
}

/** Reads a text and gives what stands in its place: the text itself where nothing is changed. `name` is its member's. */
export type EachText = (text: string, name: string) => string;

/** What the protocol itself writes and reads: it says nothing to a model, and changing it would break the message. */
const structural = new Set(["type", "role", "mimeType", "resultType", "requestState", "jsonrpc"]);

/**
 * Calls `each` for every text in a value, names of members included, and gives the value with what it returned; the value
 * itself where nothing changed. Octets of images and the like are passed over, and text that stands as octets is read.
 * Throws TooDeep.
 */
export function mapTexts(value: unknown, each: EachText, name = "", depth = 0): unknown {
  if (typeof value === "string") return each(value, name);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MAX_DEPTH) throw new TooDeep();
  return Array.isArray(value) ? mapList(value, each, name, depth) : mapObject(value as JsonObject, each, depth);
}

function mapList(list: readonly unknown[], each: EachText, name: string, depth: number): readonly unknown[] {
  let out: unknown[] | null = null;
  for (let i = 0; i < list.length; i++) {
    const before = list[i];
    const after = mapTexts(before, each, name, depth + 1);
    if (after === before) continue;
    out ??= [...list];
    out[i] = after;
  }
  return out ?? list;
}

function mapObject(object: JsonObject, each: EachText, depth: number): JsonObject {
  let changed: [string, unknown][] | null = null;
  const keys = Object.keys(object);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    const before = object[key];
    // Names are read as well: a model is shown them. Short ones that are plain words are all but always just that.
    const newKey = PLAIN_NAME.test(key) ? key : each(key, "");
    const after = structural.has(key) && typeof before === "string" ? before : isOctets(object, key, before) ? mapOctets(object, before, each) : mapTexts(before, each, key, depth + 1);
    if (after === before && newKey === key) {
      changed?.push([key, before]);
      continue;
    }
    changed ??= keys.slice(0, i).map((earlier) => [earlier, object[earlier]]);
    changed.push([newKey, after]);
  }
  // Not by assignment: a member may be called __proto__.
  return changed === null ? object : Object.fromEntries(changed);
}

const PLAIN_NAME = /^[A-Za-z_$][\w$-]{0,31}$/;
const BASE64 = /^[A-Za-z0-9+/_=\s-]*$/;
const TEXT_TYPE = /^\s*(?:text\/|application\/(?:[\w.+-]*\+)?(?:json|xml|yaml|x-yaml|javascript|x-sh|toml|csv)\b)/i;

function isOctets(object: JsonObject, key: string, value: unknown): value is string {
  if (typeof value !== "string" || (key !== "blob" && key !== "data")) return false;
  if (key === "data" && object.type !== "image" && object.type !== "audio") return false;
  return BASE64.test(value);
}

function mapOctets(object: JsonObject, octets: string, each: EachText): string {
  if (typeof object.mimeType !== "string" || !TEXT_TYPE.test(object.mimeType)) return octets;
  const text = Buffer.from(octets, "base64").toString("utf8");
  const after = each(text, "blob");
  return after === text ? octets : Buffer.from(after, "utf8").toString("base64");
}

/** Every text in a value that a model may be shown. Throws TooDeep. */
export function textsOf(value: unknown): string[] {
  const texts: string[] = [];
  mapTexts(value, (text) => {
    if (text !== "") texts.push(text);
    return text;
  });
  return texts;
}

/** The items of a result that may be something else than text, with the list that each is in. */
export function contentItems(result: JsonObject): { readonly list: readonly unknown[]; readonly name: "content" | "contents" | "messages" } | null {
  for (const name of ["content", "contents", "messages"] as const) {
    const list = result[name];
    if (Array.isArray(list)) return { list, name };
  }
  return null;
}

export { isObject, type JsonObject };
