import { setImmediate as nextTurn } from "node:timers/promises";
import { createTraceRequest, type OtlpResource } from "../record/otlp-encode.ts";
import { toSpans } from "../record/to-span.ts";
import type { CallRecord } from "../record/call-record.ts";
import type { SpooledLine } from "./durable-reader.ts";

/** Records a slice: encoding one takes some 25 us, and the calls that this process relays wait meanwhile. */
const SLICE = 32;

/** One request of spans that were encoded before. */
export function joinBatch(spans: readonly Uint8Array[], resource: OtlpResource): Uint8Array {
  const request = createTraceRequest(resource);
  for (const part of spans) request.addEncoded(part);
  return request.finish();
}

/** Turns lines into one request, a slice a turn of the event loop. Stops early, with null, once `signal` is aborted. */
export async function encodeBatch(lines: readonly SpooledLine[], resource: OtlpResource, signal: AbortSignal): Promise<Uint8Array | null> {
  const request = createTraceRequest(resource);
  for (let i = 0; i < lines.length; i++) {
    if (i > 0 && i % SLICE === 0) await nextTurn();
    if (signal.aborted) return null;
    const record = JSON.parse((lines[i] as SpooledLine).json) as CallRecord;
    for (const span of toSpans(record)) request.add(span);
  }
  return request.finish();
}
