import { ByteWriter } from "../record/byte-writer.ts";
import type { DraftRecord } from "../record/call-record.ts";
import type { ChainPlace } from "../record/to-attributes.ts";
import type { ReadLimits } from "./delivery.ts";
import type { Batch } from "./encode-batch.ts";

interface Block {
  firstSeq: number;
  readonly spans: ByteWriter;
  /** Of each record: where its spans end, its line's bytes, and when it was received. */
  readonly ends: number[];
  readonly lineBytes: number[];
  readonly receivedUs: number[];
  /** Of each record its hash, one behind the other. */
  readonly hashes: ByteWriter;
}

const BLOCK_BYTES = 256 * 1024;
const HASH_BYTES = 64;
/** Some 10,000 records. A collector that is further behind is sent what is on disk. */
const MAX_BLOCKS = 48;

/**
 * The newest records as the spans they are sent as. They are encoded where they are made, because reading them back from
 * the disk and parsing them cost three times as much. Bytes in blocks and not an object a record: the collector of
 * garbage would carry those along. What is missing here is read from the segments; the bytes are the same.
 */
export class SpanTail {
  #blocks: Block[] = [];
  /** All that the collector has taken, to be written to again: eight megabytes of new memory outside the heap, and V8 collects
   * the whole heap, which was a tenth of a call's time. With those in use they are never more than MAX_BLOCKS. */
  readonly #spare: Block[] = [];

  /** Records come in order, without a gap. `write` writes the record's spans. */
  add(draft: DraftRecord, place: ChainPlace, lineBytes: number, write: (out: ByteWriter) => void): void {
    const block = this.#blockFor(place.seq);
    write(block.spans);
    block.ends.push(block.spans.length);
    block.lineBytes.push(lineBytes);
    block.receivedUs.push(draft.receivedUs);
    block.hashes.text(place.hash);
  }

  /** The records from `firstSeq` to at most `lastSeq` within the limits, at least one; null where the first is not here.
   * Its bytes are valid until they are dropped. */
  take(firstSeq: number, lastSeq: number, limits: ReadLimits): Batch | null {
    const spans: Uint8Array[] = [];
    let bytes = 0;
    let records = 0;
    let firstReceivedUs = 0;
    let hash = "";
    const isRoom = () => records < limits.records && firstSeq + records <= lastSeq && (records === 0 || bytes < limits.bytes);
    for (const block of this.#blocks) {
      if (!isRoom()) break;
      const from = firstSeq + records - block.firstSeq;
      if (from < 0) return null;
      if (from >= block.ends.length) continue;
      if (records === 0) firstReceivedUs = block.receivedUs[from]!;
      let to = from;
      for (; to < block.ends.length && isRoom(); to++, records++) bytes += block.lineBytes[to]!;
      spans.push(block.spans.written().subarray(from === 0 ? 0 : block.ends[from - 1], block.ends[to - 1]));
      hash = block.hashes.written().toString("latin1", (to - 1) * HASH_BYTES, to * HASH_BYTES);
    }
    if (records === 0) return null;
    return { firstSeq, records, bytes, firstReceivedUs, last: { seq: firstSeq + records - 1, hash }, spans: async () => spans };
  }

  /** Lets go of what the collector has. */
  dropThrough(seq: number): void {
    for (let first = this.#blocks[0]; first && first.firstSeq + first.ends.length - 1 <= seq; first = this.#blocks[0]) {
      this.#blocks.shift();
      this.#spare.push(first);
    }
  }

  #blockFor(seq: number): Block {
    const last = this.#blocks.at(-1);
    if (last && last.spans.length < BLOCK_BYTES) return last;
    const block = this.#spare.pop();
    this.#blocks.push(block ? again(block, seq) : newBlock(seq));
    // Not to be written to again: it may be on its way to the collector.
    if (this.#blocks.length > MAX_BLOCKS) this.#blocks.shift();
    return this.#blocks.at(-1)!;
  }
}

function newBlock(firstSeq: number): Block {
  // Room for one more record behind the mark, so that a block is seldom copied into a larger one.
  const spans = new ByteWriter(BLOCK_BYTES + 8 * 1024);
  return { firstSeq, spans, ends: [], lineBytes: [], receivedUs: [], hashes: new ByteWriter(16 * 1024) };
}

function again(block: Block, firstSeq: number): Block {
  block.firstSeq = firstSeq;
  block.spans.clear();
  block.hashes.clear();
  block.ends.length = block.lineBytes.length = block.receivedUs.length = 0;
  return block;
}
