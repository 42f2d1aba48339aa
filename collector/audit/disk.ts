import { close, constants, fdatasync, fstat, ftruncate, open as openFd, writev } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

/** The part of the file system that appends and makes durable, apart from the rest so that tests can let it fail. */
export interface Disk {
  /**
   * Opens for appending, creating the file; a created name is durable when this resolves. With `reserve`, space is made
   * ready ahead of what is written: until it is closed, the file then ends in zero bytes.
   */
  openAppend(path: string, options?: { readonly reserve?: boolean }): Promise<AppendFile>;
}

export interface AppendFile {
  /** Writes every byte or rejects; then any part may have been written. Durable after `sync`. */
  write(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

export const nodeDisk: Disk = {
  async openAppend(path, { reserve = false } = {}) {
    const fd = await promisify(openFd)(path, reserve ? FLAGS : FLAGS | constants.O_APPEND, 0o600);
    try {
      await syncDirectory(dirname(path));
      const { size } = await promisify(fstat)(fd);
      return new DescriptorFile(fd, size, reserve);
    } catch (error) {
      await promisify(close)(fd);
      throw error;
    }
  },
};

/**
 * Where the system can, a write is durable when it returns (O_DSYNC is a write and fdatasync in one): a commit is then one
 * trip to the thread pool instead of two, and waking a thread costs more than the write does.
 */
const DURABLE_WRITES = constants.O_DSYNC as number | undefined;
const FLAGS = constants.O_WRONLY | constants.O_CREAT | (DURABLE_WRITES ?? 0);

const zeros = Buffer.alloc(256 * 1024);
/** Of zeros: space is reserved in these steps, the first when the file is first written to, each twice the one before. */
const MAX_RESERVED = 16;

/**
 * On a bare descriptor, because each operation of a FileHandle costs some promises and an object more. Writing over bytes
 * that are there takes two thirds of the time that making a file longer does, because no journal has to be written: so
 * zeros are written ahead, while nobody waits for them.
 */
class DescriptorFile implements AppendFile {
  readonly #fd: number;
  readonly #reserves: boolean;
  /** Where the next write goes, and where the file ends. */
  #used: number;
  #size: number;
  #step = 1;
  #reserving: Promise<void> | null = null;
  /** What O_DSYNC does not cover: lengths that were changed without a write. */
  #unsynced = false;

  constructor(fd: number, size: number, reserves: boolean) {
    this.#fd = fd;
    this.#used = this.#size = size;
    this.#reserves = reserves;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const end = this.#used + bytes.length;
    // Zeros that are on their way would be written over it.
    if (end > this.#size) await this.#reserving;
    await writeAt(this.#fd, [bytes], this.#reserves ? this.#used : null);
    this.#used = end;
    this.#size = Math.max(this.#size, end);
    if (DURABLE_WRITES === undefined) this.#unsynced = true;
    if (this.#reserves && this.#reserving === null && this.#size - end < (this.#step * zeros.length) / 2) this.#reserve();
  }

  /** Where there is no room for it, writing goes on without. */
  #reserve(): void {
    const pieces = this.#step;
    this.#step = Math.min(pieces * 2, MAX_RESERVED);
    const written = (): void => void (this.#size += pieces * zeros.length);
    const over = (): void => void (this.#reserving = null);
    this.#reserving = writeAt(this.#fd, new Array<Buffer>(pieces).fill(zeros), this.#size).then(written).catch(() => {}).then(over);
  }

  async sync(): Promise<void> {
    if (!this.#unsynced) return;
    await promisify(fdatasync)(this.#fd);
    this.#unsynced = false;
  }

  async truncate(length: number): Promise<void> {
    await this.#reserving;
    this.#unsynced = true;
    await promisify(ftruncate)(this.#fd, length);
    this.#used = this.#size = length;
  }

  async close(): Promise<void> {
    await this.#reserving;
    if (this.#reserves) await promisify(ftruncate)(this.#fd, this.#used).catch(() => {});
    await promisify(close)(this.#fd);
  }
}

/** Writes every byte or rejects; `at` null: where the file ends. */
function writeAt(fd: number, parts: readonly Uint8Array[], at: number | null): Promise<void> {
  return new Promise((resolve, reject) => {
    writev(fd, parts, at, (error, written) => {
      if (error) return reject(error);
      const left = after(parts, written);
      if (left.length === 0) resolve();
      else writeAt(fd, left, at === null ? null : at + written).then(resolve, reject);
    });
  });
}

/** What is left of `parts` behind their first `bytes` bytes. */
function after(parts: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skip = bytes;
  for (const [i, part] of parts.entries()) {
    if (skip < part.length) return [part.subarray(skip), ...parts.slice(i + 1)];
    skip -= part.length;
  }
  return [];
}

/** A file's name is durable only once its directory is. */
export async function syncDirectory(path: string): Promise<void> {
  const dir = await open(path, "r");
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}

/** Replaces a small file as a whole: after a crash there is the old text or the new one. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const next = `${path}.next`;
  const file = await open(next, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  await syncDirectory(dirname(path));
}
