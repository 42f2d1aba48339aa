import { randomFillSync } from "node:crypto";
import { metaOf } from "../era/classify.ts";
import type { JsonObject } from "../transport/envelope.ts";

const pool = Buffer.allocUnsafeSlow(8192);
let used = pool.length;

/** Random bytes in hex; drawn in blocks, because one draw costs as much as hundreds of reads from a block. */
function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString("hex", used - bytes, used);
}

export const newSpanId = (): string => randomHex(8);
export const newTraceId = (): string => randomHex(16);

export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: string;
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;

/** The caller's span: the one named in the message, or else the one that its HTTP request names. */
export function inboundParent(params: JsonObject | null, header: unknown): TraceParent | null {
  return parse(metaOf(params)?.traceparent) ?? parse(header);
}

function parse(value: unknown): TraceParent | null {
  if (typeof value !== "string" || value.length > 128) return null;
  const match = TRACEPARENT.exec(value);
  if (!match || /^0+$/.test(match[1]!) || /^0+$/.test(match[2]!)) return null;
  return { traceId: match[1]!, spanId: match[2]!, flags: match[3]! };
}
