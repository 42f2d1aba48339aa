import { canonicalText } from "./definition.ts";
import { pointer, shown, type Differences } from "./differences.ts";

type Schema = Readonly<Record<string, unknown>>;

/** `input`: what callers may send, where less is worse. `output`: what they get back, where more kinds of it are. */
export type Direction = "input" | "output";

const texts = new Set(["title", "description", "$comment", "examples", "deprecated", "$schema"]);
/** A limit of which a greater number lets more through, and one of which a smaller number does. */
const upperLimits = new Set(["maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties"]);
const lowerLimits = new Set(["minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties"]);
const MAX_DEPTH = 24;

/**
 * Compares two JSON Schemas member by member. What cannot be shown to suit the callers that the first one suited is
 * breaking; so is a keyword that this does not know.
 */
export function compareSchemas(before: unknown, after: unknown, at: { path: string; direction: Direction }, out: Differences, depth = 0): void {
  const { path, direction } = at;
  if (same(before, after)) return;
  if (!isSchema(before) || !isSchema(after) || depth > MAX_DEPTH) {
    return out.add(path, "other", `${shown(before)} became ${shown(after)}`, true);
  }
  compareProperties(before, after, at, out, depth);
  compareRequired(before, after, at, out);
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (same(before[key], after[key]) || (isSettled(key, before[key]) && isSettled(key, after[key]))) continue;
    const here = pointer(path, key);
    if (key === "items") compareSchemas(before[key], after[key], { path: here, direction }, out, depth + 1);
    else if (texts.has(key)) out.add(here, "text", `${shown(before[key])} became ${shown(after[key])}`, false);
    else compareKeyword(key, before[key], after[key], here, direction, out);
  }
}

function compareProperties(before: Schema, after: Schema, at: { path: string; direction: Direction }, out: Differences, depth: number): void {
  const [old, now] = [members(before), members(after)];
  const { direction } = at;
  const required = new Set(requiredOf(after));
  const base = pointer(at.path, "properties");
  for (const name of Object.keys(old)) {
    if (Object.hasOwn(now, name)) compareSchemas(old[name], now[name], { path: pointer(base, name), direction }, out, depth + 1);
    else out.add(pointer(base, name), "removed", direction === "input" ? "parameter removed" : "member no longer returned", true);
  }
  for (const name of Object.keys(now)) {
    if (Object.hasOwn(old, name)) continue;
    const needed = direction === "input" && required.has(name);
    out.add(pointer(base, name), "added", direction === "output" ? "member added" : needed ? "required parameter added" : "optional parameter added", needed);
  }
}

function compareRequired(before: Schema, after: Schema, { path, direction }: { path: string; direction: Direction }, out: Differences): void {
  const [old, now] = [new Set(requiredOf(before)), new Set(requiredOf(after))];
  const [had, has] = [members(before), members(after)];
  for (const name of now) {
    // One that is new as a whole was named with the properties.
    if (old.has(name) || (!Object.hasOwn(had, name) && Object.hasOwn(has, name))) continue;
    out.add(pointer(path, "required"), "required", `${shown(name)} is now required`, direction === "input");
  }
  for (const name of old) {
    if (now.has(name) || (Object.hasOwn(had, name) && !Object.hasOwn(has, name))) continue;
    out.add(pointer(path, "required"), "optional", `${shown(name)} is no longer required`, direction === "output");
  }
}

function compareKeyword(key: string, before: unknown, after: unknown, path: string, direction: Direction, out: Differences): void {
  const change = shapeOf(key, before, after);
  const fine = direction === "input" ? change === "widened" : change === "narrowed";
  out.add(path, change, `${shown(before)} became ${shown(after)}`, !fine);
}

/** Whether a keyword now lets more values through, or fewer; `other` where that can't be told. */
function shapeOf(key: string, before: unknown, after: unknown): "widened" | "narrowed" | "other" {
  if (key === "type" || key === "enum") {
    // Without the keyword any value would do.
    if (after === undefined) return "widened";
    if (before === undefined) return "narrowed";
    const [old, now] = [valuesOf(key, before), valuesOf(key, after)];
    if ([...old].every((v) => now.has(v))) return "widened";
    return [...now].every((v) => old.has(v)) ? "narrowed" : "other";
  }
  if (upperLimits.has(key) || lowerLimits.has(key)) {
    if (after === undefined) return "widened";
    if (before === undefined) return "narrowed";
    if (typeof before !== "number" || typeof after !== "number") return "other";
    return upperLimits.has(key) === after > before ? "widened" : "narrowed";
  }
  if (key === "additionalProperties") {
    if (isOpen(before) || after === false) return "narrowed";
    return before === false || isOpen(after) ? "widened" : "other";
  }
  if (key === "pattern" || key === "format" || key === "multipleOf" || key === "const") {
    return after === undefined ? "widened" : before === undefined ? "narrowed" : "other";
  }
  return "other";
}

function valuesOf(key: string, value: unknown): Set<string> {
  const list = Array.isArray(value) ? value : [value];
  const found = new Set(list.map((v) => canonicalText(v) ?? ""));
  // Every integer is a number.
  if (key === "type" && found.has('"number"')) found.add('"integer"');
  return found;
}

const isOpen = (value: unknown): boolean => value === undefined || value === true;

/** Nothing more is to be said of this keyword: it was compared as a whole, or means the same as its absence. */
function isSettled(key: string, value: unknown): boolean {
  if (key === "properties") return value === undefined || isSchema(value);
  if (key === "required") return value === undefined || (Array.isArray(value) && value.every((name) => typeof name === "string"));
  return key === "additionalProperties" && isOpen(value);
}

const isSchema = (value: unknown): value is Schema => typeof value === "object" && value !== null && !Array.isArray(value);
const members = (schema: Schema): Schema => (isSchema(schema.properties) ? schema.properties : {});
const requiredOf = (schema: Schema): string[] => (Array.isArray(schema.required) ? schema.required.filter((n): n is string => typeof n === "string") : []);
const same = (a: unknown, b: unknown): boolean => a === b || (a !== undefined && b !== undefined && canonicalText(a) === canonicalText(b));
