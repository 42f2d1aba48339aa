import { setImmediate as nextTurn } from "node:timers/promises";
import { ByteWriter } from "../record/byte-writer.ts";
import type { CallRecord } from "../record/call-record.ts";
import { writeSpan } from "../record/otlp-encode.ts";
import { toSpans } from "../record/to-span.ts";
import type { ChainHead } from "./chain.ts";
import type { SpooledLine } from "./durable-reader.ts";

/** Records that travel together, each whole. */
export interface Batch {
  readonly firstSeq: number;
  readonly records: number;
  /** Of their lines on disk. */
  readonly bytes: number;
  /** Unix microseconds, of the first one. */
  readonly firstReceivedUs: number;
  readonly last: ChainHead;
  /** Their spans in as many pieces as they lie in; null when `signal` was aborted meanwhile. */
  spans(signal: AbortSignal): Promise<readonly Uint8Array[] | null>;
}

/** Records a slice: encoding one takes some 25 us, and the calls that this process relays wait meanwhile. */
const SLICE = 32;

/** A batch of lines that were read back, encoded a slice a turn of the event loop. Null where there is no line. */
export function batchOf(lines: readonly SpooledLine[]): Batch | null {
  const first = lines[0];
  const last = lines.at(-1);
  if (!first || !last) return null;
  const { seq, hash } = parse(last);
  return {
    firstSeq: first.seq,
    records: lines.length,
    bytes: lines.reduce((sum, line) => sum + line.bytes, 0),
    firstReceivedUs: parse(first).receivedUs,
    last: { seq, hash },
    async spans(signal) {
      const out = new ByteWriter(64 * 1024);
      for (const [i, line] of lines.entries()) {
        if (i > 0 && i % SLICE === 0) await nextTurn();
        if (signal.aborted) return null;
        for (const span of toSpans(parse(line))) writeSpan(out, span);
      }
      return [out.written()];
    },
  };
}

const parse = (line: SpooledLine): CallRecord => JSON.parse(line.json) as CallRecord;
