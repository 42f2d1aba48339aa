/** How many bytes a whole number takes as a varint. A negative one takes ten, as protobuf has it for int64. */
export function varintBytes(value: number): number {
  if (value < 0) return 10;
  let bytes = 1;
  for (let left = value; left >= 128; left = Math.floor(left / 128)) bytes++;
  return bytes;
}

/** How many decimal digits a whole number from 0 on has. */
export function decimalDigits(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  return digits;
}

/** Lengths of messages that are written before they are known get this many bytes, which suffice for 2 MB. */
const LENGTH_BYTES = 3;

/** Text up to this length is written by hand: calling out costs more. */
const SHORT = 24;
/** The same for bytes that are copied. */
const COPY_SHORT = 40;

/**
 * Text and protobuf's wire format into one buffer that grows. A general protobuf writer builds a list of pending
 * operations first.
 */
export class ByteWriter {
  #buffer: Buffer;
  #used = 0;

  constructor(capacity: number) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#used;
  }

  get capacity(): number {
    return this.#buffer.length;
  }

  /** Of this writer's memory: valid until the next call. */
  written(): Buffer {
    return this.#buffer.subarray(0, this.#used);
  }

  clear(): void {
    this.#used = 0;
  }

  varint(value: number): void {
    this.#reserve(10);
    const buffer = this.#buffer;
    if (value < 0) return this.#negative(value);
    let left = value;
    while (left >= 128) {
      buffer[this.#used++] = (left % 128) | 128;
      left = Math.floor(left / 128);
    }
    buffer[this.#used++] = left;
  }

  byte(byte: number): void {
    this.#reserve(1);
    this.#buffer[this.#used++] = byte;
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** What `from` holds between two offsets. */
  copy(from: ByteWriter, start: number, end: number): void {
    const length = end - start;
    this.#reserve(length);
    const source = from.#buffer;
    const target = this.#buffer;
    let at = this.#used;
    if (length > COPY_SHORT) source.copy(target, at, start, end);
    else for (let i = start; i < end; i++) target[at++] = source[i]!;
    this.#used += length;
  }

  /** A whole number from 0 on in decimal digits. */
  digits(value: number): void {
    this.#reserve(16);
    const length = decimalDigits(value);
    const buffer = this.#buffer;
    let left = value;
    for (let at = this.#used + length - 1; at >= this.#used; at--) {
      const next = Math.floor(left / 10);
      buffer[at] = 0x30 + (left - next * 10);
      left = next;
    }
    this.#used += length;
  }

  /** Text alone, as UTF-8. */
  text(text: string): void {
    this.#reserve(text.length * 3);
    const buffer = this.#buffer;
    let at = this.#used;
    if (text.length <= SHORT) {
      let i = 0;
      for (; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        if (unit > 127) break;
        buffer[at++] = unit;
      }
      if (i === text.length) {
        this.#used = at;
        return;
      }
    }
    this.#used += buffer.write(text, this.#used, "utf8");
  }

  /** Overwrites what was written at `offset` with text of one byte a character. */
  overwrite(offset: number, text: string): void {
    this.#buffer.write(text, offset, "latin1");
  }

  /** A field of text; `length` is its length in bytes where that is known. */
  string(tag: number, text: string, length = Buffer.byteLength(text)): void {
    this.varint(tag);
    this.varint(length);
    this.#reserve(length);
    this.#used += length === text.length ? this.#buffer.write(text, this.#used, "latin1") : this.#buffer.write(text, this.#used, "utf8");
  }

  /** A field of bytes that are given in hex. */
  hex(tag: number, text: string): void {
    this.varint(tag);
    this.varint(text.length / 2);
    this.#reserve(text.length / 2);
    this.#used += this.#buffer.write(text, this.#used, "hex");
  }

  fixed64(low: number, high: number): void {
    this.#reserve(8);
    this.#used = this.#buffer.writeUInt32LE(low, this.#used);
    this.#used = this.#buffer.writeUInt32LE(high, this.#used);
  }

  /** Leaves room for the length of what follows; pass the result to `endMessage`. */
  beginMessage(): number {
    this.#reserve(LENGTH_BYTES);
    return (this.#used += LENGTH_BYTES);
  }

  endMessage(start: number): void {
    const length = this.#used - start;
    const bytes = varintBytes(length);
    if (bytes !== LENGTH_BYTES) {
      this.#reserve(bytes);
      this.#buffer.copyWithin(start - LENGTH_BYTES + bytes, start, this.#used);
    }
    this.#used = start - LENGTH_BYTES;
    this.varint(length);
    this.#used += length;
  }

  #negative(value: number): void {
    for (let left = BigInt.asUintN(64, BigInt(value)), i = 0; i < 10; i++, left >>= 7n) {
      this.#buffer[this.#used++] = Number(left & 127n) | (i < 9 ? 128 : 0);
    }
  }

  #reserve(bytes: number): void {
    if (this.#buffer.length - this.#used >= bytes) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#used + bytes));
    this.#buffer.copy(larger, 0, 0, this.#used);
    this.#buffer = larger;
  }
}
