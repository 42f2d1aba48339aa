import { crc32 } from "node:zlib";

/**
 * One line of a segment: eight hex digits of CRC-32 over the JSON's bytes, a space, the JSON, a line feed. JSON never
 * holds a raw line feed, so the end of a line is the end of a record, and `cut -c10- *.ndjson | jq .` reads a segment.
 */
const PREFIX_BYTES = 9;
const LF = 0x0a;

/** Lines on their way to one write, in one buffer that grows and is used again. */
export class LineBuffer {
  #buffer: Buffer;
  #used = 0;
  lines = 0;

  constructor(capacity = 64 * 1024) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  /** Returns the line's length in bytes. */
  add(json: string): number {
    const worst = PREFIX_BYTES + json.length * 3 + 1;
    if (this.#buffer.length - this.#used < worst) this.#grow(worst);
    const buffer = this.#buffer;
    const start = this.#used + PREFIX_BYTES;
    const end = start + buffer.write(json, start, "utf8");
    const checksum = crc32(buffer.subarray(start, end)).toString(16).padStart(8, "0");
    buffer.write(checksum, this.#used, "latin1");
    buffer[start - 1] = 0x20;
    buffer[end] = LF;
    const bytes = end + 1 - this.#used;
    this.#used = end + 1;
    this.lines++;
    return bytes;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#used);
  }

  get capacity(): number {
    return this.#buffer.length;
  }

  clear(): void {
    this.#used = 0;
    this.lines = 0;
  }

  #grow(by: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#used + by));
    this.#buffer.copy(larger, 0, 0, this.#used);
    this.#buffer = larger;
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
