import { decodeJson } from "./decode-json.ts";
import { decodeProtobuf } from "./decode-protobuf.ts";
import type { Encoding } from "./encoding.ts";
import { MAX_DAYS_PER_REQUEST, ROW_BYTES_PER_BODY_BYTE, type ReceiveLimits } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import { BlockTooLarge, TraceBlock } from "./trace-block.ts";

/** A request's rows, or a Refusal that says what is wrong with it as a whole. */
export function decode(body: Buffer, encoding: Encoding, limits: ReceiveLimits): TraceBlock {
  const block = new TraceBlock(limits.maxDecompressedBytes * ROW_BYTES_PER_BODY_BYTE);
  try {
    if (encoding === "protobuf") decodeProtobuf(body, block);
    else decodeJson(body, block);
  } catch (error) {
    if (error instanceof BlockTooLarge) throw new Refusal(413, error.message);
    const detail = error instanceof Error ? error.message : String(error);
    throw new Refusal(400, `not an ExportTraceServiceRequest in ${encoding}: ${detail.slice(0, 200)}`, { cause: error });
  }
  if (block.days.size > MAX_DAYS_PER_REQUEST) {
    throw new Refusal(400, `spans of ${block.days.size} days in one request; at most ${MAX_DAYS_PER_REQUEST} are taken`);
  }
  return block;
}
