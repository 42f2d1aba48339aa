import { arrayJson, doubleJson, doubleText, mapJson, stringJson } from "./go-text.ts";
import { MAX_VALUE_DEPTH } from "./protobuf-value.ts";

/** What the body holds where the schema has something else. The request is refused as malformed. */
export class MalformedJson extends Error {}

export type JsonObject = Readonly<Record<string, unknown>>;

export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new MalformedJson(`${what} must be an object`);
}

/** A repeated field: absent and null are the empty list. */
export function asList(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new MalformedJson(`${what} must be an array`);
}

export function asText(value: unknown, what: string): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  throw new MalformedJson(`${what} must be a string`);
}

/** 64-bit integers come as decimal strings, or as numbers. */
export function asInteger(value: unknown, what: string): bigint {
  if (value === undefined || value === null || value === "") return 0n;
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  if (typeof value === "string" && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  throw new MalformedJson(`${what} must be an integer`);
}

/** Enums come as their numbers only. */
export function asEnum(value: unknown, what: string): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw new MalformedJson(`${what} must be an integer`);
}

function asDouble(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "string" && value.trim() !== "") {
    const number = Number(value);
    if (!Number.isNaN(number) || value === "NaN") return number;
  }
  throw new MalformedJson("doubleValue must be a number");
}

function asBoolean(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new MalformedJson("boolValue must be true or false");
}

const base64 = (value: unknown): string => Buffer.from(asText(value, "bytesValue"), "base64").toString("base64");
const int64 = (value: unknown): string => BigInt.asIntN(64, asInteger(value, "intValue")).toString();

export function anyValueText(value: unknown): string {
  if (value === undefined || value === null) return "";
  const v = asObject(value, "an attribute's value");
  // The first is by far the most frequent, and absent members are undefined: `in` would be slower.
  if (v.stringValue !== undefined) return asText(v.stringValue, "stringValue");
  if (v.intValue !== undefined) return int64(v.intValue);
  if (v.boolValue !== undefined) return String(asBoolean(v.boolValue));
  if (v.doubleValue !== undefined) return doubleText(asDouble(v.doubleValue));
  if (v.bytesValue !== undefined) return base64(v.bytesValue);
  return containerJson(v, 1) ?? "";
}

function anyValueJson(value: unknown, depth: number): string {
  if (depth > MAX_VALUE_DEPTH) throw new MalformedJson(`an attribute is nested deeper than ${MAX_VALUE_DEPTH} levels`);
  if (value === undefined || value === null) return "null";
  const v = asObject(value, "an attribute's value");
  if (v.stringValue !== undefined) return stringJson(asText(v.stringValue, "stringValue"));
  if (v.intValue !== undefined) return int64(v.intValue);
  if (v.boolValue !== undefined) return String(asBoolean(v.boolValue));
  if (v.doubleValue !== undefined) return doubleJson(asDouble(v.doubleValue));
  if (v.bytesValue !== undefined) return `"${base64(v.bytesValue)}"`;
  return containerJson(v, depth + 1) ?? "null";
}

function containerJson(v: JsonObject, depth: number): string | undefined {
  if (v.arrayValue !== undefined) {
    const items = asList(asObject(v.arrayValue, "arrayValue").values, "arrayValue.values");
    return arrayJson(items.map((item) => anyValueJson(item, depth)));
  }
  if (v.kvlistValue !== undefined) {
    const entries = new Map<string, string>();
    for (const item of asList(asObject(v.kvlistValue, "kvlistValue").values, "kvlistValue.values")) {
      const entry = asObject(item, "an entry of kvlistValue");
      entries.set(asText(entry.key, "key"), anyValueJson(entry.value, depth));
    }
    return mapJson(entries);
  }
  return undefined;
}
