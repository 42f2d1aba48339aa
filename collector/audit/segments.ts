import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import type { AppendFile, Disk } from "./disk.ts";
import { syncDirectory } from "./disk.ts";
import { segmentName } from "./layout.ts";
import type { Segment } from "./scan.ts";

export interface SegmentLogOptions {
  readonly dir: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly segmentBytes: number;
  readonly segmentMs: number;
  /** What a scan found; never written to again. */
  readonly segments: Segment[];
  readonly nextSeq: number;
}

/**
 * The segments of one spool. Writes, seals and close are the group commit's to call, one at a time; a batch is never split
 * over two segments. A segment is sealed when the next one was begun, and when a disk is full or has failed.
 */
export class SegmentLog {
  readonly #options: SegmentLogOptions;
  readonly #segments: Segment[];
  #current: { segment: Segment; file: AppendFile } | null = null;
  #nextSeq: number;

  constructor(options: SegmentLogOptions) {
    this.#options = options;
    this.#segments = options.segments;
    this.#nextSeq = options.nextSeq;
  }

  /** Oldest first; each one's `bytes` and `records` are durable. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get durableSeq(): number {
    return this.#nextSeq - 1;
  }

  /** Unless a new segment has to be opened first, the disk is at work when this returns. */
  async write(bytes: Buffer, lines: number): Promise<void> {
    const { segment, file } = this.#current && this.#takesMore(this.#current.segment) ? this.#current : await this.#roll();
    await file.write(bytes);
    await file.sync();
    segment.bytes += bytes.length;
    segment.records += lines;
    this.#nextSeq += lines;
  }

  /**
   * Ends the segment that is written to, on a handle opened anew: whatever part of a failed write reached it is dropped, the
   * room that was reserved behind it is given back, and what was delivered of it can be deleted. After a rejection it is to
   * be called again before the next write.
   */
  async seal(): Promise<void> {
    if (!this.#current) return;
    const { segment, file } = this.#current;
    await file.close().catch(() => {});
    const again = await this.#options.disk.openAppend(segment.path);
    try {
      await again.truncate(segment.bytes);
      await again.sync();
    } finally {
      await again.close();
    }
    if (segment.records === 0) {
      await unlink(segment.path).catch(ignoreMissing);
      this.#segments.pop();
    }
    this.#current = null;
  }

  /** Deletes sealed segments that hold nothing behind `seq`. */
  async removeThrough(seq: number): Promise<void> {
    let removed = false;
    for (let first = this.#segments[0]; first && first !== this.#current?.segment; first = this.#segments[0]) {
      if (first.firstSeq + first.records - 1 > seq) break;
      await unlink(first.path).catch(ignoreMissing);
      this.#segments.shift();
      removed = true;
    }
    if (removed) await syncDirectory(this.#options.dir);
  }

  /** True where `removeThrough(seq)` would delete something. */
  hasRemovable(seq: number): boolean {
    const first = this.#segments[0];
    return first !== undefined && first !== this.#current?.segment && first.firstSeq + first.records - 1 <= seq;
  }

  async close(): Promise<void> {
    const current = this.#current;
    this.#current = null;
    await current?.file.close();
  }

  #takesMore({ records, bytes, openedMs }: Segment): boolean {
    const { segmentBytes, segmentMs, clock } = this.#options;
    return records === 0 || (bytes < segmentBytes && uptimeMs(clock) - openedMs < segmentMs);
  }

  async #roll(): Promise<{ segment: Segment; file: AppendFile }> {
    const { clock, disk, dir } = this.#options;
    const path = join(dir, segmentName(this.#nextSeq));
    const file = await disk.openAppend(path, { reserve: true });
    await this.#current?.file.close().catch(() => {});
    const segment = { firstSeq: this.#nextSeq, path, bytes: 0, records: 0, openedMs: uptimeMs(clock) };
    this.#segments.push(segment);
    return (this.#current = { segment, file });
  }
}

/** A wall clock that is set back would keep a segment from being sealed, and so from being deleted. */
const uptimeMs = (clock: Clock): number => Number(clock.monotonicNs() / 1_000_000n);

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}
