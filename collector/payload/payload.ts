/** What a call said: `arguments` are its request's params, `result` is what the agent was answered with. */
export type PayloadKind = "arguments" | "result";

/** One of them as it is to be kept. `bytes` is its beginning where `size` says that there was more. */
export interface Payload {
  readonly producer: string;
  readonly seq: number;
  readonly kind: PayloadKind;
  /** Unix microseconds, of the call. */
  readonly receivedUs: number;
  readonly traceId: string;
  readonly server: string;
  readonly method: string;
  readonly tool: string;
  readonly riskTier: string;
  readonly contentType: string;
  readonly bytes: Buffer;
  readonly size: number;
}

/** Takes payloads and never throws nor waits: what can't be kept is counted. */
export interface PayloadSink {
  keep(payload: Payload): void;
  /** `count` of them can't be kept, because of `reason`. */
  drop(reason: DropReason, count?: number): void;
}

/**
 * Why payloads were dropped: memory is full; the spool has no room, or the disk must stay free for the audit log; the disk
 * failed; the call has no record that they could belong to; the proxy could not write them down.
 */
export type DropReason = "queue_full" | "no_room" | "disk_failed" | "no_record" | "failed";

/** A row of `payloads`. */
export interface PayloadRow {
  readonly producer: string;
  readonly seq: string;
  readonly kind: PayloadKind;
  readonly ts: string;
  readonly trace_id: string;
  readonly server: string;
  readonly method: string;
  readonly tool: string;
  readonly risk_tier: string;
  readonly content_type: string;
  readonly size: string;
  readonly truncated: boolean;
  readonly key_id: string;
  readonly body: string;
}

/** At most `max` bytes of UTF-8, no character of which is cut in two. */
export function cutUtf8(bytes: Buffer, max: number): Buffer {
  if (bytes.length <= max) return bytes;
  let end = max;
  // Bytes of the form 10xxxxxx continue a character.
  while (end > 0 && end > max - 4 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/** The row without its body and the key's name, which are the cipher's. */
export function rowFacts(payload: Payload): Omit<PayloadRow, "key_id" | "body"> {
  const { producer, seq, kind, receivedUs, traceId, server, method, tool, riskTier, contentType, bytes, size } = payload;
  const micros = String(Math.trunc(receivedUs % 1000)).padStart(3, "0");
  return {
    producer,
    seq: String(seq),
    kind,
    ts: `${new Date(Math.floor(receivedUs / 1000)).toISOString().slice(0, -1)}${micros}Z`,
    trace_id: traceId,
    server,
    method,
    tool,
    risk_tier: riskTier,
    content_type: contentType,
    size: String(size),
    truncated: bytes.length < size,
  };
}
