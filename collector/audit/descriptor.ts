import { close, constants, fdatasync, ftruncate, open, writeSync, writev } from "node:fs";
import { promisify } from "node:util";
import { InPlace } from "./in-place.ts";

/**
 * Where the system can, a write is durable when it returns (O_DSYNC is a write and fdatasync in one): a commit is then one
 * trip to the thread pool instead of two, and waking a thread costs more than the write does.
 */
const DURABLE_WRITES = constants.O_DSYNC as number | undefined;

/** A bare descriptor, because each operation of a FileHandle costs some promises and an object more. */
export class Descriptor {
  readonly #fd: number;
  readonly #inPlace = new InPlace();
  /** What O_DSYNC does not cover: lengths that were changed without a write. */
  #unsynced = false;

  static async open(path: string, flags: number): Promise<Descriptor> {
    return new Descriptor(await promisify(open)(path, constants.O_CREAT | (DURABLE_WRITES ?? 0) | flags, 0o600));
  }

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Writes every byte or rejects; `at` null: where the file ends. One at a time. */
  async write(bytes: Uint8Array, at: number | null = null): Promise<void> {
    const beganMs = performance.now();
    const done = this.#inPlace.allows(bytes.length, beganMs) ? writeSync(this.#fd, bytes, 0, bytes.length, at) : 0;
    if (done < bytes.length) await this.writeParts([bytes.subarray(done)], at === null ? null : at + done);
    this.#inPlace.wrote(beganMs, performance.now());
    if (DURABLE_WRITES === undefined) this.#unsynced = true;
  }

  /** The same, never in place. */
  writeParts(parts: readonly Uint8Array[], at: number | null): Promise<void> {
    return new Promise((resolve, reject) => {
      writev(this.#fd, parts, at, (error, written) => {
        if (error) return reject(error);
        const left = after(parts, written);
        if (left.length === 0) resolve();
        else this.writeParts(left, at === null ? null : at + written).then(resolve, reject);
      });
    });
  }

  async sync(): Promise<void> {
    if (!this.#unsynced) return;
    await promisify(fdatasync)(this.#fd);
    this.#unsynced = false;
  }

  async truncate(length: number): Promise<void> {
    this.#unsynced = true;
    await promisify(ftruncate)(this.#fd, length);
  }

  close(): Promise<void> {
    return promisify(close)(this.#fd);
  }
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
