import { readdir, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { ChainHead } from "../chain.ts";
import type { AppendFile, Disk } from "../disk.ts";
import { HASH_BYTES } from "./merkle.ts";

/**
 * A producer's record hashes, kept beside its segments until a checkpoint covers them: segments are deleted as soon as the
 * collector has them, and the store must not be asked what is to be signed against it. A file is named by its first
 * record, holds the hash before that record and then one hash a record, as bytes.
 */
const FILE_NAME = /^(\d{20})\.leaves$/;
const fileName = (firstSeq: number): string => `${String(firstSeq).padStart(20, "0")}.leaves`;
const MAX_FILE_RECORDS = 65_536;

interface LeafFile {
  readonly path: string;
  readonly firstSeq: number;
}

async function listLeafFiles(dir: string): Promise<LeafFile[]> {
  const names = await readdir(dir);
  return names
    .filter((name) => FILE_NAME.test(name))
    .sort()
    .map((name) => ({ path: join(dir, name), firstSeq: Number(name.slice(0, 20)) }));
}

/** The spool's end: takes a hash a record in memory, and writes what is durable when it is told to. */
export class LeafWriter {
  readonly #dir: string;
  readonly #disk: Disk;
  #file: AppendFile | null = null;
  #fileFirstSeq = 0;
  #pending: Buffer = Buffer.allocUnsafe(4096 * HASH_BYTES);
  /** Of the first pending record; its predecessor's hash. */
  #firstSeq: number;
  #previousHash: string;
  #count = 0;
  #serial: Promise<void> = Promise.resolve();

  /** `written` is the last record whose hash is in a file. */
  constructor(dir: string, disk: Disk, written: ChainHead) {
    this.#dir = dir;
    this.#disk = disk;
    this.#firstSeq = written.seq + 1;
    this.#previousHash = written.hash;
  }

  /** Records come in order, without a gap. */
  add(hash: string): void {
    const at = this.#count * HASH_BYTES;
    if (at === this.#pending.length) this.#pending = Buffer.concat([this.#pending, Buffer.allocUnsafe(at)]);
    this.#pending.write(hash, at, "hex");
    this.#count++;
  }

  /** Makes durable the hashes up to `seq`, which must be records that are durable themselves. Flushes queue up; one that
   * failed leaves its hashes to the next. */
  flush(seq: number): Promise<void> {
    const flushed = this.#serial.then(() => this.#flush(seq));
    this.#serial = flushed.catch(() => {});
    return flushed;
  }

  async close(): Promise<void> {
    await this.#serial;
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  async #flush(seq: number): Promise<void> {
    const records = Math.min(seq - this.#firstSeq + 1, this.#count);
    if (records <= 0) return;
    const hashes = Buffer.from(this.#pending.subarray(0, records * HASH_BYTES));
    try {
      const file = await this.#writable();
      await file.write(hashes);
      await file.sync();
    } catch (error) {
      // Whatever reached the file is covered by a new one that begins where the last good write ended.
      await this.#leave();
      throw error;
    }
    this.#previousHash = hashes.toString("hex", hashes.length - HASH_BYTES);
    this.#pending.copyWithin(0, records * HASH_BYTES, this.#count * HASH_BYTES);
    this.#count -= records;
    this.#firstSeq += records;
  }

  async #writable(): Promise<AppendFile> {
    if (this.#file && this.#firstSeq - this.#fileFirstSeq < MAX_FILE_RECORDS) return this.#file;
    await this.#leave();
    const path = join(this.#dir, fileName(this.#firstSeq));
    const file = await this.#disk.openAppend(path);
    this.#file = file;
    this.#fileFirstSeq = this.#firstSeq;
    await file.truncate(0);
    await file.write(Buffer.from(this.#previousHash, "hex"));
    return file;
  }

  async #leave(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close().catch(() => {});
  }
}

/** Hashes of records one behind the other, and the hash before them. */
export interface Leaves {
  readonly firstSeq: number;
  readonly previousHash: string;
  readonly hashes: Buffer;
}

/** What is kept from `fromSeq` on, in order: a stretch ends where a file ends. A file in which a crash left part of a hash
 * counts up to there. */
export async function* readLeaves(dir: string, fromSeq: number): AsyncGenerator<Leaves> {
  const files = await listLeafFiles(dir);
  for (const [i, file] of files.entries()) {
    const next = files[i + 1];
    if (next && next.firstSeq <= fromSeq) continue;
    const bytes = await readFile(file.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return Buffer.alloc(0);
      throw error;
    });
    // A later file repeats what the end of this one may hold after a failed write.
    const known = Math.min(Math.floor(bytes.length / HASH_BYTES) - 1, next ? next.firstSeq - file.firstSeq : Infinity);
    const skip = Math.max(0, fromSeq - file.firstSeq);
    if (known <= skip) continue;
    yield {
      firstSeq: file.firstSeq + skip,
      previousHash: bytes.toString("hex", skip * HASH_BYTES, (skip + 1) * HASH_BYTES),
      hashes: bytes.subarray((skip + 1) * HASH_BYTES, (known + 1) * HASH_BYTES),
    };
  }
}

/** Deletes files that hold nothing behind `seq`; the newest stays, because it is written to. */
export async function dropLeaves(dir: string, seq: number): Promise<void> {
  const files = await listLeafFiles(dir);
  for (const [i, file] of files.entries()) {
    const next = files[i + 1];
    if (next && next.firstSeq - 1 <= seq) await unlink(file.path).catch(() => {});
  }
}

/**
 * The last record whose hash is kept, or null. A spool that is opened adds from its segments what is missing behind it.
 * Records are durable before their hashes are, so one behind the spool's own last record is of a record that was destroyed.
 */
export async function lastLeaf(dir: string): Promise<ChainHead | null> {
  const file = (await listLeafFiles(dir)).at(-1);
  if (!file) return null;
  const bytes = await readFile(file.path);
  const known = Math.floor(bytes.length / HASH_BYTES) - 1;
  if (known < 0) return null;
  return { seq: file.firstSeq + known - 1, hash: bytes.toString("hex", known * HASH_BYTES, (known + 1) * HASH_BYTES) };
}
