import { open, type FileHandle } from "node:fs/promises";
import type { ReadLimits } from "./delivery.ts";
import { eachLine, lineJson } from "./line.ts";
import type { SegmentLog } from "./segments.ts";
import type { Segment } from "./scan.ts";

export interface SpooledLine {
  readonly seq: number;
  /** Made from the bytes when it is asked for: most lines are only counted. */
  readonly json: string;
  /** Of the whole line, its line feed included. */
  readonly bytes: number;
}

export interface DurableReader {
  read(fromSeq: number, limits: ReadLimits): Promise<SpooledLine[]>;
  close(): Promise<void>;
}

class ReadLine implements SpooledLine {
  readonly seq: number;
  readonly #line: Buffer;

  constructor(seq: number, line: Buffer) {
    this.seq = seq;
    this.#line = line;
  }

  get json(): string {
    return lineJson(this.#line);
  }

  get bytes(): number {
    return this.#line.length + 1;
  }
}

const CHUNK_BYTES = 1024 * 1024;

interface Place {
  readonly segment: Segment;
  readonly file: FileHandle;
  seq: number;
  offset: number;
}

/** Reads the durable part of segments that are being written to, in order, remembering where it is; asked for another
 * sequence number than the next one, it finds its way from the start of that segment. Not to be called concurrently. */
export function createDurableReader(log: SegmentLog): DurableReader {
  let place: Place | null = null;

  const leave = async (): Promise<void> => {
    const left = place;
    place = null;
    await left?.file.close();
  };

  const reach = async (seq: number): Promise<Place | null> => {
    if (place && place.seq === seq && seq < place.segment.firstSeq + place.segment.records) return place;
    const segment = log.segments.find((s) => seq >= s.firstSeq && seq < s.firstSeq + s.records);
    if (!segment) return null;
    await leave();
    place = { segment, file: await open(segment.path, "r"), seq: segment.firstSeq, offset: 0 };
    while (place.seq < seq) await advance(place, seq - place.seq, CHUNK_BYTES, () => {});
    return place;
  };

  return {
    async read(fromSeq, limits) {
      const lines: SpooledLine[] = [];
      let bytes = 0;
      for (;;) {
        const seq = fromSeq + lines.length;
        const at = lines.length < limits.records && bytes < limits.bytes ? await reach(seq) : null;
        if (!at) return lines;
        await advance(at, limits.records - lines.length, limits.bytes - bytes, (line) => {
          lines.push(new ReadLine(fromSeq + lines.length, line));
          bytes += line.length + 1;
        });
      }
    },
    close: leave,
  };
}

/** Takes at most `records` lines in at most `maxBytes`, but at least one, from where `place` is. */
async function advance(place: Place, records: number, maxBytes: number, each: (line: Buffer) => void): Promise<void> {
  for (let size = Math.min(CHUNK_BYTES, Math.max(maxBytes, 4096)); ; size *= 2) {
    const bytes = Buffer.allocUnsafe(Math.min(size, place.segment.bytes - place.offset));
    const got = await fill(place.file, bytes, place.offset);
    let taken = 0;
    const used = eachLine(got, (line) => {
      each(line);
      return ++taken < records;
    });
    place.seq += taken;
    place.offset += used;
    if (taken > 0) return;
    if (got.length < size) throw new Error(`${place.segment.path} ends within record ${place.seq}`);
  }
}

async function fill(file: FileHandle, into: Buffer, position: number): Promise<Buffer> {
  let filled = 0;
  while (filled < into.length) {
    const { bytesRead } = await file.read(into, filled, into.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return into.subarray(0, filled);
}
