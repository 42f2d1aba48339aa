import { randomBytes } from "node:crypto";
import { open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { BALLAST_FILE } from "./layout.ts";

/** For a cursor, the hashes of some thousand records and the open intents: what has to be written before a segment may go. */
const BYTES = 1024 * 1024;

/**
 * A file that only takes up room. Records that were delivered make room on a full disk, but to deliver them and to delete them
 * takes some writing too; the ballast goes overboard for that, and nothing else is written until it is back.
 */
export class Ballast {
  readonly #path: string;
  readonly #onGivenUp: () => void;
  #restoring: Promise<unknown> = Promise.resolve();
  whole = false;

  constructor(dir: string, onGivenUp: () => void = () => {}) {
    this.#path = join(dir, BALLAST_FILE);
    this.#onGivenUp = onGivenUp;
  }

  /** Rejects while there is no room for it. One at a time. */
  restore(): Promise<void> {
    const restored = this.#restore();
    this.#restoring = restored.catch(() => {});
    return restored;
  }

  async #restore(): Promise<void> {
    if (this.whole) return;
    const file = await open(this.#path, "a+", 0o600);
    try {
      const { size } = await file.stat();
      // Not zeros, which some file systems take no room for.
      if (size < BYTES) await file.appendFile(randomBytes(BYTES - size));
      await file.sync();
      this.whole = true;
    } catch (error) {
      await unlink(this.#path).catch(() => {});
      throw error;
    } finally {
      await file.close();
    }
  }

  /** Does `work`, and where the disk is full does it again without the ballast. */
  async makeRoomFor<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isFull(error)) throw error;
      await this.#restoring;
      const wasWhole = this.whole;
      this.whole = false;
      await unlink(this.#path).catch(() => {});
      if (wasWhole) this.#onGivenUp();
      return work();
    }
  }
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT";
}
