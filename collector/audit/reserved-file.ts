import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { Descriptor } from "./descriptor.ts";
import type { AppendFile } from "./disk.ts";

/** What every disk and file system takes past the page cache. */
const BLOCK_BYTES = 4096;
const BUFFER_BYTES = 256 * 1024;
/** Of buffers of zeros: space is reserved in these steps, the first when the file is first written to, each twice the one before. */
const MAX_RESERVED = 16;

declare const WebAssembly: { readonly Memory: new (pages: { readonly initial: number }) => { readonly buffer: ArrayBuffer } };

/** Memory of WebAssembly starts at a page, as the disk needs it; that of a Buffer starts anywhere. */
const alignedBuffer = (): Buffer => Buffer.from(new WebAssembly.Memory({ initial: BUFFER_BYTES / 65_536 }).buffer);

const zeros = alignedBuffer();
/** Of files that were closed. Each takes gigabytes of addresses, until the garbage collector sees it. */
const spare: Buffer[] = [];

/**
 * A file whose end is in zeros until it is closed. Writing over bytes that are there takes two thirds of the time that making
 * a file longer does, because no journal has to be written: so zeros are written ahead, while nobody waits for them. It is
 * written to in whole blocks past the page cache, where the system can, which takes a third off again; the last block,
 * begun and not full, is kept and written anew with what comes next.
 */
export class ReservedFile implements AppendFile {
  readonly #descriptor: Descriptor;
  readonly #path: string;
  /** Starts with what the file holds of the block in which the next write begins. */
  readonly #buffer = spare.pop() ?? alignedBuffer();
  /** Where the next write goes, and where the file ends. */
  #used = 0;
  #size = 0;
  #step = 1;
  #reserving: Promise<void> | null = null;
  #isClosed = false;

  static async open(path: string): Promise<ReservedFile> {
    try {
      return await ReservedFile.#open(path, constants.O_DIRECT ?? 0);
    } catch (error) {
      // By the first system on opening, by the second on writing: past its cache it takes nothing.
      if (!["EINVAL", "ENOTSUP"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
      return ReservedFile.#open(path, 0);
    }
  }

  static async #open(path: string, flags: number): Promise<ReservedFile> {
    const descriptor = await Descriptor.open(path, constants.O_WRONLY | flags);
    const file = new ReservedFile(descriptor, path);
    try {
      await file.#goToEnd();
      await file.#writeSome(new Uint8Array());
      return file;
    } catch (error) {
      await file.#end();
      throw error;
    }
  }

  private constructor(descriptor: Descriptor, path: string) {
    this.#descriptor = descriptor;
    this.#path = path;
  }

  async write(bytes: Uint8Array): Promise<void> {
    let left = bytes;
    do left = left.subarray(await this.#writeSome(left));
    while (left.length > 0);
    if (this.#reserving === null && this.#size - this.#used < (this.#step * BUFFER_BYTES) / 2) this.#reserve();
  }

  /** Returns how many of `bytes` were written. */
  async #writeSome(bytes: Uint8Array): Promise<number> {
    const held = this.#used % BLOCK_BYTES;
    const written = Math.min(bytes.length, BUFFER_BYTES - held);
    const filled = held + written;
    const whole = Math.max(1, Math.ceil(filled / BLOCK_BYTES)) * BLOCK_BYTES;
    this.#buffer.set(bytes.subarray(0, written), held);
    this.#buffer.fill(0, filled, whole);
    const from = this.#used - held;
    // Zeros that are on their way would be written over it.
    if (from + whole > this.#size) await this.#reserving;
    await this.#descriptor.write(this.#buffer.subarray(0, whole), from);
    this.#buffer.copyWithin(0, filled - (filled % BLOCK_BYTES), filled);
    this.#used += written;
    this.#size = Math.max(this.#size, from + whole);
    return written;
  }

  /** Where there is no room for it, writing goes on without. */
  #reserve(): void {
    const pieces = this.#step;
    this.#step = Math.min(pieces * 2, MAX_RESERVED);
    const written = (): void => void (this.#size += pieces * BUFFER_BYTES);
    const over = (): void => void (this.#reserving = null);
    this.#reserving = this.#descriptor.writeParts(new Array<Buffer>(pieces).fill(zeros), this.#size).then(written).catch(() => {}).then(over);
  }

  sync(): Promise<void> {
    return this.#descriptor.sync();
  }

  async truncate(length: number): Promise<void> {
    await this.#reserving;
    await this.#descriptor.truncate(length);
    await this.#goToEnd();
  }

  async close(): Promise<void> {
    await this.#reserving;
    if (!this.#isClosed) await this.#descriptor.truncate(this.#used).catch(() => {});
    await this.#end();
  }

  async #end(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#descriptor.close().finally(() => spare.push(this.#buffer));
  }

  async #goToEnd(): Promise<void> {
    const file = await open(this.#path, "r");
    try {
      const { size } = await file.stat();
      const begun = size % BLOCK_BYTES;
      await file.read(this.#buffer, 0, begun, size - begun);
      this.#used = this.#size = size;
    } finally {
      await file.close();
    }
  }
}
