import { Readable } from "node:stream";
import { Reader } from "protobufjs/minimal.js";
import { Pool } from "undici";
import type { Clock } from "../kernel/clock.ts";
import { classify, type Reply } from "./backoff.ts";

/** Posts one batch, which is given in pieces. Never rejects: whatever goes wrong is a reply that says so. */
export interface Sender {
  send(body: readonly Uint8Array[], batch: string, signal: AbortSignal): Promise<Reply>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 60_000;
const MAX_REPLY_BYTES = 64 * 1024;

/** `endpoint` is the collector's base URL; any path in it stays in front of `/v1/traces`. */
export function createSender(endpoint: string, clock: Clock): Sender {
  const url = new URL(endpoint);
  const path = `${url.pathname.replace(/\/$/, "")}/v1/traces`;
  const pool = new Pool(url.origin, { connections: 1, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  return {
    async send(body, batch, signal) {
      try {
        const bytes = body.reduce((sum, part) => sum + part.length, 0);
        const headers = { "content-type": "application/x-protobuf", "content-length": String(bytes), "x-signalbox-batch": batch };
        const response = await pool.request({ path, method: "POST", headers, body: Readable.from(body, { objectMode: false }), signal });
        const reply = await readLimited(response.body);
        const { rejected, message } = response.statusCode < 300 ? partialSuccess(reply) : { rejected: 0, message: statusMessage(reply) };
        const after = response.headers["retry-after"];
        return classify(response.statusCode, Array.isArray(after) ? after[0] : after, rejected, message, clock.nowMs());
      } catch (error) {
        return { kind: "retry", why: error instanceof Error ? error.message : String(error), afterMs: null };
      }
    },
    close: () => pool.destroy(),
  };
}

async function readLimited(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_REPLY_BYTES) throw new Error(`the collector's reply exceeds ${MAX_REPLY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** ExportTraceServiceResponse { partial_success = 1 { rejected_spans = 1; error_message = 2 } } */
export function partialSuccess(reply: Uint8Array): { rejected: number; message: string } {
  const found = { rejected: 0, message: "" };
  eachField(reply, (field, reader) => {
    if (field !== 1) return false;
    eachField(reader.bytes(), (inner, innerReader) => {
      if (inner === 1) found.rejected = Number(innerReader.int64());
      else if (inner === 2) found.message = innerReader.string();
      else return false;
      return true;
    });
    return true;
  });
  return found;
}

/** google.rpc.Status { message = 2 }; what is not one says nothing. */
function statusMessage(reply: Uint8Array): string {
  let message = "";
  try {
    eachField(reply, (field, reader) => {
      if (field === 2) message = reader.string();
      return field === 2;
    });
  } catch {
    return "";
  }
  return message.slice(0, 500);
}

function eachField(bytes: Uint8Array, take: (field: number, reader: Reader) => boolean): void {
  const reader = Reader.create(bytes);
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    if (!take(key >>> 3, reader)) reader.skipType(key & 7);
  }
}
