import { mkdir, rename, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeDisk, type AppendFile, type Disk } from "../audit/disk.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Stoppable } from "../kernel/lifecycle.ts";
import type { Logger } from "../kernel/log.ts";
import { toRow } from "./cipher.ts";
import type { PayloadsConfig } from "./config.ts";
import { Drops } from "./drops.ts";
import { OPEN, sealLeft, sealedName, usage } from "./files.ts";
import type { PayloadKey } from "./keys.ts";
import type { DropReason, Payload, PayloadSink } from "./payload.ts";

export interface PayloadSpool extends PayloadSink, Stoppable {
  /** Resolves when what was kept so far is on disk or dropped. Never rejects. */
  flush(): Promise<void>;
}

export interface PayloadSpoolOptions extends Pick<PayloadsConfig, "spoolMaxBytes" | "minFreeBytes"> {
  /** This worker's alone. */
  readonly dir: string;
  readonly producer: string;
  /** Null: they are kept as text. */
  readonly key: PayloadKey | null;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly flushMs?: number;
  readonly maxQueueBytes?: number;
  readonly disk?: Disk;
  readonly freeBytes?: (dir: string) => Promise<number>;
}

/** How long a payload waits in memory for company: what a crash loses of them. */
const FLUSH_MS = 1000;
const MAX_QUEUE_BYTES = 8 * 1024 * 1024;
/** A batch that large is sent, even if others wait before it. */
const BATCH_BYTES = 4 * 1024 * 1024;

/**
 * Where a worker leaves payloads for delivery: beside the audit spool and apart from it, because they differ in everything.
 * A record is waited for, is small, is chained, and must not be lost; a payload is none of it. Nothing here is waited for by a
 * call, and whatever goes wrong drops payloads and counts them. What was left by the slot's last worker is taken over.
 */
export async function openPayloadSpool(options: PayloadSpoolOptions): Promise<PayloadSpool> {
  await sealLeft(options.dir).catch((error: unknown) => options.logger.warn({ err: error }, "payloads that an earlier process left could not be taken over"));
  return new FilePayloadSpool(options);
}

interface OpenBatch {
  readonly path: string;
  readonly file: AppendFile;
  bytes: number;
}

class FilePayloadSpool implements PayloadSpool {
  readonly #options: Required<PayloadSpoolOptions>;
  readonly #drops: Drops;
  readonly #lines: Buffer[] = [];
  #queuedBytes = 0;
  #open: OpenBatch | null = null;
  #batches = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: PayloadSpoolOptions) {
    this.#options = { flushMs: FLUSH_MS, maxQueueBytes: MAX_QUEUE_BYTES, disk: nodeDisk, freeBytes, ...options };
    this.#drops = new Drops(options);
  }

  keep(payload: Payload): void {
    const { key, maxQueueBytes } = this.#options;
    if (this.#stopped || this.#queuedBytes + payload.bytes.length > maxQueueBytes) return this.drop("queue_full");
    try {
      const line = Buffer.from(`${JSON.stringify(toRow(payload, key))}\n`);
      this.#lines.push(line);
      this.#queuedBytes += line.length;
    } catch (error) {
      this.#options.logger.error({ err: error }, "a payload could not be written down");
      this.drop("failed");
    }
    this.#wake();
  }

  drop(reason: DropReason, count = 1): void {
    this.#drops.add(reason, count);
    this.#wake();
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async stop(): Promise<void> {
    if (this.#stopped) return this.#writing;
    this.#stopped = true;
    await this.flush();
  }

  #wake(): void {
    this.#timer ??= setTimeout(() => void this.flush(), this.#options.flushMs).unref();
  }

  async #write(): Promise<void> {
    if (this.#lines.length === 0 && this.#open === null && !this.#drops.any) return;
    const lines = this.#lines.splice(0);
    this.#queuedBytes = 0;
    let unsettled = lines.length;
    try {
      const { dir } = this.#options;
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const { bytes, waiting, droppedWaiting } = await usage(dir);
      if (lines.length > 0) await this.#append(lines, bytes);
      unsettled = 0;
      if (this.#open !== null && (waiting === 0 || this.#open.bytes >= BATCH_BYTES || this.#stopped)) await this.#seal();
      // One file at a time, however long the store is away; the last one when this stops.
      if (this.#drops.any && (!droppedWaiting || this.#stopped)) await this.#writeDrops();
    } catch (error) {
      this.#drops.add("disk_failed", unsettled);
      this.#options.logger.error({ err: error }, "payloads could not be written to disk");
    }
    // What was appended behind other batches is sealed when these are gone, and counts are written when the last ones are.
    if ((this.#open !== null || this.#drops.any) && !this.#stopped) this.#wake();
  }

  /** As many as there is room for, the first ones first. */
  async #append(lines: readonly Buffer[], usedBytes: number): Promise<void> {
    const { dir, spoolMaxBytes, minFreeBytes } = this.#options;
    let fitting = lines.length;
    try {
      fitting = howManyFit(lines, Math.min(spoolMaxBytes - usedBytes, (await this.#options.freeBytes(dir)) - minFreeBytes));
      this.#drops.add("no_room", lines.length - fitting);
      if (fitting === 0) return;
      const bytes = Buffer.concat(lines.slice(0, fitting));
      this.#open ??= await this.#begin();
      await this.#open.file.write(bytes);
      await this.#open.file.sync();
      this.#open.bytes += bytes.length;
    } catch (error) {
      this.#drops.add("disk_failed", fitting);
      this.#options.logger.error({ err: error }, "payloads could not be written to disk");
      await this.#takeBack();
    }
  }

  /** What a write that failed left of its lines. Where it can't be cut off, the slot's next worker does it. */
  async #takeBack(): Promise<void> {
    if (this.#open === null) return;
    try {
      await this.#open.file.truncate(this.#open.bytes);
      await this.#open.file.sync();
    } catch {
      await this.#open.file.close().catch(() => {});
      this.#open = null;
    }
  }

  async #begin(): Promise<OpenBatch> {
    const path = join(this.#options.dir, `payloads.${this.#newName()}${OPEN}`);
    return { path, file: await this.#options.disk.openAppend(path), bytes: 0 };
  }

  async #seal(): Promise<void> {
    const { path, file, bytes } = this.#open!;
    this.#open = null;
    await file.close();
    if (bytes === 0) await rm(path, { force: true });
    else await rename(path, sealedName(path));
  }

  async #writeDrops(): Promise<void> {
    const path = join(this.#options.dir, `dropped_payloads.${this.#newName()}${OPEN}`);
    const rows = this.#drops.take();
    try {
      await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""), { mode: 0o600 });
      await rename(path, sealedName(path));
    } catch (error) {
      this.#drops.giveBack(rows);
      await rm(path, { force: true }).catch(() => {});
      throw error;
    }
  }

  /** Never given twice: the store takes two batches of one name for one. */
  #newName(): string {
    const { clock, producer } = this.#options;
    return `${String(clock.nowMs()).padStart(15, "0")}-${++this.#batches}-${producer}`;
  }
}

function howManyFit(lines: readonly Buffer[], room: number): number {
  let left = room;
  const first = lines.findIndex((line) => (left -= line.length) < 0);
  return first < 0 ? lines.length : first;
}

async function freeBytes(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}
