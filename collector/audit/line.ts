import { crc32 } from "node:zlib";
import { ByteWriter } from "../record/byte-writer.ts";

/**
 * One line of a segment: eight hex digits of CRC-32 over the JSON's bytes, a space, the JSON, a line feed. JSON never
 * holds a raw line feed, so the end of a line is the end of a record, and `cut -c10- *.ndjson | jq .` reads a segment. One
 * that is being written to ends in zero bytes, space that is reserved for the next lines; `tr -d '\0'` takes them off.
 */
const PREFIX_BYTES = 9;
const LF = 0x0a;

const NO_CHECKSUM = "00000000 ";

/** Lines on their way to one write, in one buffer that grows and is used again. */
export class LineBuffer {
  readonly #out = new ByteWriter(64 * 1024);
  lines = 0;

  /** `write` writes the line's JSON. Returns the line's length in bytes. */
  add(write: (out: ByteWriter) => void): number {
    const out = this.#out;
    const start = out.length;
    out.text(NO_CHECKSUM);
    write(out);
    const checksum = crc32(out.written().subarray(start + PREFIX_BYTES));
    out.overwrite(start, checksum.toString(16).padStart(8, "0"));
    out.text("\n");
    this.lines++;
    return out.length - start;
  }

  get bytes(): Buffer {
    return this.#out.written();
  }

  get capacity(): number {
    return this.#out.capacity;
  }

  clear(): void {
    this.#out.clear();
    this.lines = 0;
  }
}

/** Calls `each` with every complete line, without its line feed, and the offset it starts at, until `each` returns false.
 * Returns the offset behind the last line it was called with. */
export function eachLine(bytes: Buffer, each: (line: Buffer, offset: number) => boolean | void): number {
  let from = 0;
  for (;;) {
    const end = bytes.indexOf(LF, from);
    if (end < 0) return from;
    const goOn = each(bytes.subarray(from, end), from);
    from = end + 1;
    if (goOn === false) return from;
  }
}

/** How many of a segment's bytes are lines: what is behind them is reserved space. */
export function writtenBytes(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

/** Whether a line was never written whole: some of what was reserved shows through, and JSON holds no zero byte. */
export const isTorn = (line: Buffer): boolean => line.includes(0);

/** The checksum that a line carries is the one of its bytes. */
export function lineHolds(line: Buffer): boolean {
  if (line.length <= PREFIX_BYTES || line[PREFIX_BYTES - 1] !== 0x20) return false;
  const stated = line.toString("latin1", 0, PREFIX_BYTES - 1);
  return /^[0-9a-f]{8}$/.test(stated) && Number.parseInt(stated, 16) === crc32(line.subarray(PREFIX_BYTES));
}

/** The JSON of a line; its checksum is not looked at. */
export function lineJson(line: Buffer): string {
  return line.toString("utf8", PREFIX_BYTES);
}
