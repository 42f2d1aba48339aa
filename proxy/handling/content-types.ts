import { contentItems, isObject, type JsonObject } from "./walk.ts";

/** What takes the place of an item that may not pass, and the type for which it may not. */
export interface TypesChecked {
  readonly result: JsonObject;
  /** MIME types, as far as they are spelled like ones. */
  readonly refused: readonly string[];
}

const MAX_PATTERNS = 64;
const compiled = new WeakMap<readonly string[], RegExp | null>();

/** Takes items out of a result whose MIME type is not among `allowed`. Text needs no type; octets without one count as application/octet-stream. */
export function checkContentTypes(result: JsonObject, allowed: readonly string[]): TypesChecked {
  const items = contentItems(result);
  const pattern = patternOf(allowed);
  if (items === null || pattern === null) return { result, refused: [] };
  const refused: string[] = [];
  const kept = items.list.map((item) => {
    const inner = items.name === "messages" && isObject(item) ? item.content : item;
    const type = typeOf(inner);
    if (type === null || pattern.test(type)) return item;
    const shown = spelled(type);
    refused.push(shown);
    return inPlaceOf(item, items.name, shown);
  });
  return refused.length === 0 ? { result, refused } : { result: { ...result, [items.name]: kept }, refused };
}

function patternOf(allowed: readonly string[]): RegExp | null {
  if (allowed.includes("*") || allowed.includes("*/*")) return null;
  let pattern = compiled.get(allowed);
  if (pattern === undefined) {
    const one = (glob: string): string => glob.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\/]/g, "\\$&")).join(".{0,100}");
    pattern = new RegExp(`^(?:${allowed.slice(0, MAX_PATTERNS).map(one).join("|")})$`, "i");
    compiled.set(allowed, pattern);
  }
  return pattern;
}

/** Null for what is text. Parameters such as the charset are left out. */
function typeOf(item: unknown): string | null {
  if (!isObject(item)) return null;
  const resource = isObject(item.resource) ? item.resource : item;
  const octets = item.type === "image" || item.type === "audio" || "blob" in resource;
  const { mimeType } = resource;
  if (typeof mimeType !== "string") return octets ? "application/octet-stream" : null;
  const bare = mimeType.split(";", 1)[0]!.trim().slice(0, 100).toLowerCase();
  return bare === "" && octets ? "application/octet-stream" : bare === "" ? null : bare;
}

/** A type is the server's own word: only what is spelled like one is repeated. */
const spelled = (type: string): string => (/^[a-z0-9.+-]{1,40}\/[a-z0-9.+-]{1,60}$/.test(type) ? type : "unnamed");

function inPlaceOf(item: unknown, list: "content" | "contents" | "messages", type: string): JsonObject {
  const text = `⟦removed: content of type ${type} is not passed on⟧`;
  if (list === "messages") return { ...(item as JsonObject), content: { type: "text", text } };
  if (list === "content") return { type: "text", text };
  return { uri: isObject(item) && typeof item.uri === "string" ? item.uri : "about:blank", mimeType: "text/plain", text };
}
