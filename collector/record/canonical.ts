import { hash } from "node:crypto";
import { SignalboxError } from "../kernel/errors.ts";
import { SB_AUDIT_HASH } from "./semconv.ts";
import { getters, spanName, type AttributeValue } from "./to-attributes.ts";
import type { CallRecord, DraftRecord } from "./call-record.ts";

/** The hash that the first record of a producer is chained to. */
export const GENESIS_HASH = "0".repeat(64);

export const frame = (text: string): string => `${Buffer.byteLength(text)}:${text}`;

/** Throws E_AUDIT_RECORD where the value is a number that would not read back as it was written. */
export function valueText(key: string, value: AttributeValue): string {
  if (typeof value === "string") return value;
  if (Number.isSafeInteger(value)) return String(value);
  throw new SignalboxError("E_AUDIT_RECORD", `cannot record ${key}: ${String(value)} is not a whole number`);
}

const pair = (key: string, value: AttributeValue): string => frame(key) + frame(valueText(key, value));

/**
 * The bytes that a record's hash covers: what the span stores outside its attributes, then every attribute but the hash
 * in key order, each key and value framed by its length in bytes, so that no two records share one form. The previous
 * hash is one of the attributes, which is what makes a chain. `audit/verify-rows.sql` computes the same in the engine
 * from a stored row, so tampering with a column shows. Throws as `valueText` does.
 */
export function canonicalForm(record: CallRecord): string {
  let out = formHead(record).map((value, i) => pair(formHeadKeys[i]!, value)).join("");
  for (const [key, , get] of getters) {
    const value = key === SB_AUDIT_HASH ? null : get(record, record);
    if (value !== null && value !== "") out += pair(key, value);
  }
  return out;
}

/** The keys of what a form holds before the attributes. */
export const formHeadKeys: readonly string[] = ["@trace", "@span", "@parent", "@start_us", "@duration_us", "@name"];

/** Their values, which are never left out. */
export function formHead(draft: DraftRecord): readonly AttributeValue[] {
  return [draft.traceId, draft.spanId, draft.parentSpanId, draft.receivedUs, draft.completedAfterUs, spanName(draft)];
}

export function recordHash(record: CallRecord): string {
  return hash("sha256", canonicalForm(record));
}
