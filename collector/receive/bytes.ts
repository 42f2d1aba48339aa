import { isUtf8 } from "node:buffer";

/** Below this many bytes a loop beats the fixed cost of a native copy. */
const LOOP_COPY_LIMIT = 48;

/** A byte buffer that grows, with the scalar encodings of ClickHouse's Native format. */
export class Bytes {
  buf: Buffer;
  length = 0;

  constructor(capacity = 1024) {
    this.buf = Buffer.allocUnsafe(capacity);
  }

  /** Makes room for `n` more bytes. */
  reserve(n: number): void {
    const needed = this.length + n;
    if (needed <= this.buf.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.buf.length * 2));
    this.buf.copy(grown, 0, 0, this.length);
    this.buf = grown;
  }

  /** Forgets everything from `length` on: how a rejected row is taken back. */
  truncate(length: number): void {
    this.length = length;
  }

  view(): Buffer {
    return this.buf.subarray(0, this.length);
  }

  putVarint(value: number): void {
    this.reserve(5);
    let v = value;
    while (v > 0x7f) {
      this.buf[this.length++] = (v & 0x7f) | 0x80;
      v >>>= 7;
    }
    this.buf[this.length++] = v;
  }

  putUInt64(low: number, high: number): void {
    this.reserve(8);
    this.buf.writeUInt32LE(low, this.length);
    this.buf.writeUInt32LE(high, this.length + 4);
    this.length += 8;
  }

  /** Bytes as they are. */
  putRaw(source: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    source.copy(this.buf, this.length, start, end);
    this.length += end - start;
  }

  /** A String value out of text. Lone surrogates become U+FFFD. */
  putText(text: string): void {
    if (text.length < 43) {
      // At most three bytes a UTF-16 unit, so the length always fits one byte.
      this.reserve(1 + text.length * 3);
      const written = this.buf.write(text, this.length + 1);
      this.buf[this.length] = written;
      this.length += 1 + written;
      return;
    }
    const size = Buffer.byteLength(text);
    this.putVarint(size);
    this.reserve(size);
    this.buf.write(text, this.length);
    this.length += size;
  }

  /**
   * A String value out of UTF-8 bytes, which are copied without becoming text on the way. Bytes that are not UTF-8 would
   * make the JSON of any later result invalid, so they become U+FFFD, as they do in every decoder that goes through text.
   */
  putUtf8(source: Buffer, start: number, end: number): void {
    const size = end - start;
    if (size > LOOP_COPY_LIMIT) {
      if (!isUtf8(source.subarray(start, end))) return this.putText(source.toString("utf8", start, end));
      this.putVarint(size);
      return this.putRaw(source, start, end);
    }
    this.reserve(size + 1);
    const target = this.buf;
    let at = this.length;
    target[at++] = size;
    let seen = 0;
    for (let i = start; i < end; i++) {
      const byte = source[i] as number;
      seen |= byte;
      target[at++] = byte;
    }
    if (seen > 0x7f && !isUtf8(source.subarray(start, end))) return this.putText(source.toString("utf8", start, end));
    this.length = at;
  }

  /** A String value out of ASCII that is known to be shorter than 128 characters. */
  putAscii(text: string): void {
    this.reserve(1 + text.length);
    this.buf[this.length] = text.length;
    this.length += 1 + this.buf.write(text, this.length + 1, "latin1");
  }

  /** The last String value, given where it begins. */
  textFrom(start: number): string {
    let at = start;
    while ((this.buf[at] as number) > 0x7f) at++;
    return this.buf.toString("utf8", at + 1, this.length);
  }

  /** A String value that holds `source[start..end]` in lower-case hex. */
  putHex(source: Buffer, start: number, end: number): void {
    this.reserve(1 + (end - start) * 2);
    const target = this.buf;
    let at = this.length;
    target[at++] = (end - start) * 2;
    for (let i = start; i < end; i++) {
      const byte = source[i] as number;
      target[at++] = HEX_DIGITS[byte >> 4] as number;
      target[at++] = HEX_DIGITS[byte & 15] as number;
    }
    this.length = at;
  }
}

const HEX_DIGITS = Buffer.from("0123456789abcdef", "latin1");
