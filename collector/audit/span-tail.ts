import { ByteWriter } from "../record/byte-writer.ts";
import type { DraftRecord } from "../record/call-record.ts";
import { writeSpans } from "../record/otlp-encode.ts";
import type { ChainPlace } from "../record/to-attributes.ts";
import { spansAt } from "../record/to-span.ts";

interface Block {
  readonly firstSeq: number;
  readonly spans: ByteWriter;
  /** Where the spans of each record end. */
  readonly ends: number[];
}

const BLOCK_BYTES = 256 * 1024;
/** Some 10,000 records. A collector that is further behind is sent what is on disk. */
const MAX_BLOCKS = 48;

/**
 * The newest records as the spans they are sent as. They are encoded where they are made, because reading them back from
 * the disk and parsing them cost three times as much. Bytes in blocks and not an object a record: the collector of
 * garbage would carry those along. What is missing here is read from the segments; the bytes are the same.
 */
export class SpanTail {
  #blocks: Block[] = [];

  /** Records come in order, without a gap. */
  add(draft: DraftRecord, place: ChainPlace): void {
    const { spans, ends } = this.#blockFor(place.seq);
    writeSpans(spans, spansAt(draft, place));
    ends.push(spans.length);
  }

  /** The spans of all these records, or null where one of them is not here. */
  range(firstSeq: number, lastSeq: number): Uint8Array[] | null {
    const parts: Uint8Array[] = [];
    let next = firstSeq;
    for (const { firstSeq: blockFirst, spans, ends } of this.#blocks) {
      if (next < blockFirst) return null;
      if (next >= blockFirst + ends.length) continue;
      const last = Math.min(lastSeq, blockFirst + ends.length - 1);
      parts.push(spans.written().subarray(next === blockFirst ? 0 : ends[next - blockFirst - 1], ends[last - blockFirst]));
      next = last + 1;
      if (next > lastSeq) return parts;
    }
    return null;
  }

  /** Lets go of what the collector has. */
  dropThrough(seq: number): void {
    while (this.#blocks[0] && this.#blocks[0].firstSeq + this.#blocks[0].ends.length - 1 <= seq) this.#blocks.shift();
  }

  #blockFor(seq: number): Block {
    const last = this.#blocks.at(-1);
    if (last && last.spans.length < BLOCK_BYTES) return last;
    // Room for one more record behind the mark, so that a block is seldom copied into a larger one.
    const made = { firstSeq: seq, spans: new ByteWriter(BLOCK_BYTES + 8 * 1024), ends: [] };
    this.#blocks.push(made);
    if (this.#blocks.length > MAX_BLOCKS) this.#blocks.shift();
    return made;
  }
}
