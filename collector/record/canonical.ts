import { hash } from "node:crypto";
import { SignalboxError } from "../kernel/errors.ts";
import { SB_AUDIT_HASH } from "./semconv.ts";
import { getters, spanName, type AttributeValue, type ChainPlace } from "./to-attributes.ts";
import type { CallRecord, DraftRecord } from "./call-record.ts";

/** The hash that the first record of a producer is chained to. */
export const GENESIS_HASH = "0".repeat(64);

const frame = (text: string): string => `${Buffer.byteLength(text)}:${text}`;

/**
 * A key with its pair as it was last: most of a record's values (the server's, the agent's, the policy's) are those of the
 * record before or one of few, and measuring and joining them anew was most of the time of a form.
 */
interface FramedKey {
  readonly key: string;
  readonly framed: string;
  value: AttributeValue;
  pair: string;
}

const framedKey = (key: string): FramedKey => ({ key, framed: frame(key), value: "", pair: `${frame(key)}0:` });

function pair(key: FramedKey, value: AttributeValue): string {
  if (value === key.value) return key.pair;
  if (typeof value !== "string" && !Number.isSafeInteger(value)) {
    throw new SignalboxError("E_AUDIT_RECORD", `cannot record ${key.key}: ${String(value)} is not a whole number`);
  }
  key.value = value;
  key.pair = key.framed + frame(String(value));
  // Makes the engine turn the joined parts into one piece now: a form of whole pieces is hashed 1 us sooner.
  key.pair.charCodeAt(0);
  return key.pair;
}

const attributes = getters.filter(([key]) => key !== SB_AUDIT_HASH).map(([key, get]) => ({ get, key: framedKey(key) }));
const trace = framedKey("@trace");
const span = framedKey("@span");
const parent = framedKey("@parent");
const start = framedKey("@start_us");
const duration = framedKey("@duration_us");
const name = framedKey("@name");

/**
 * The bytes that a record's hash covers: what the span stores outside its attributes, then every attribute but the hash
 * in key order, each key and value framed by its length in bytes, so that no two records share one form. The previous
 * hash is one of the attributes, which is what makes a chain. `audit/verify-rows.sql` computes the same in the engine
 * from a stored row, so tampering with a column shows.
 *
 * Throws E_AUDIT_RECORD where a number is no safe integer: it would not read back as it was written.
 */
export function canonicalForm(record: CallRecord): string {
  return canonicalFormAt(record, record);
}

/** The same for a draft that is about to take `place`; the place's own hash is not looked at. */
export function canonicalFormAt(draft: DraftRecord, place: ChainPlace): string {
  let out =
    pair(trace, draft.traceId) +
    pair(span, draft.spanId) +
    pair(parent, draft.parentSpanId) +
    pair(start, draft.receivedUs) +
    pair(duration, draft.completedAfterUs) +
    pair(name, spanName(draft));
  for (const { get, key } of attributes) {
    const value = get(draft, place);
    if (value !== null && value !== "") out += pair(key, value);
  }
  return out;
}

export function recordHash(record: CallRecord): string {
  return hash("sha256", canonicalForm(record));
}
