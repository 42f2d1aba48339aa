import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import { SignalboxError } from "../kernel/errors.ts";
import { acquireLock } from "../kernel/lock.ts";
import { Lifecycle } from "../kernel/lifecycle.ts";
import { isWorthSaying, type Logger } from "../kernel/log.ts";
import { createWokenLoop, type WokenLoop } from "../kernel/woken-loop.ts";
import { callId, type DraftRecord } from "../record/call-record.ts";
import { RecordWriter } from "../record/record-writer.ts";
import type { ChainPlace } from "../record/to-attributes.ts";
import type { AuditLog, Intent } from "./audit-log.ts";
import { Ballast } from "./ballast.ts";
import { link, type ChainHead } from "./chain.ts";
import { readCursor, type Cursor } from "./cursor.ts";
import { lastLeaf, LeafWriter } from "./checkpoint/leaves.ts";
import { createDelivery, type Delivery } from "./delivery.ts";
import { nodeDisk, type Disk } from "./disk.ts";
import { GroupCommit, type CommitReports } from "./group-commit.ts";
import { clearIntents, IntentJournal, interruptedRecord, readIntents } from "./intents.ts";
import { LOCK_FILE, readOrMakeProducer, UNRECORDED_FILE, UNRECORDED_SLOT_BYTES } from "./layout.ts";
import { openSpoolReader } from "./reader.ts";
import { scanSegments, type ScanResult } from "./scan.ts";
import { SegmentLog } from "./segments.ts";
import { SlotFile } from "./slot-file.ts";
import { SpanTail } from "./span-tail.ts";
import { UnrecordedCount } from "./unrecorded-count.ts";
import { readUnrecorded, type UnrecordedCalls } from "./unrecorded.ts";

export interface SpoolOptions {
  /** Made when it is missing. One process at a time. */
  readonly dir: string;
  /** Starts the producer id of a new directory: `px` makes `px-7f3a9c21`. */
  readonly producerPrefix: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Bytes that the collector has not acknowledged; beyond it appends are refused. */
  readonly maxBytes: number;
  readonly segmentBytes?: number;
  readonly segmentMs?: number;
  /** How long after a failed write the next one is tried. */
  readonly retryMs?: number;
  /** How long the hash of a durable record may wait before it can be signed. */
  readonly leavesMs?: number;
  readonly disk?: Disk;
  /** Calls may go on that can't be recorded: their number is then kept on disk, in room that is taken now. */
  readonly letsThrough?: boolean;
}

/** Counts since the spool was opened, but for `pendingBytes` and the sequence numbers. */
export interface SpoolStats {
  readonly appended: number;
  readonly refused: number;
  readonly diskFailures: number;
  readonly interrupted: number;
  /** Calls that went on without a record, since the spool was opened. */
  readonly letThrough: number;
  readonly headSeq: number;
  readonly durableSeq: number;
  readonly ackedSeq: number;
  readonly pendingBytes: number;
}

export interface Spool extends AuditLog {
  readonly dir: string;
  readonly stats: SpoolStats;
  /** What the exporter works on; nobody else should. */
  readonly delivery: Delivery;
  /** Resolves when every append so far is durable or has failed. */
  flush(): Promise<void>;
}

/**
 * Calls in flight when the spool fills have been forwarded already, so their records still fit: `available` turns false
 * this much before appends are refused.
 */
const reserveBytes = (maxBytes: number): number => Math.min(8 * 1024 * 1024, Math.floor(maxBytes / 8));

/**
 * Opens the spool of one worker: takes the lock, checks what an earlier process left, and records the calls that it was in
 * the middle of as `interrupted`. Throws E_AUDIT_LOCKED, E_AUDIT_CORRUPT, or the disk's own error.
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  // A disk that the spool itself has filled must not keep it from being delivered.
  return new Ballast(options.dir).makeRoomFor(() => open(options));
}

async function open(options: SpoolOptions): Promise<Spool> {
  const { dir, logger } = options;
  const release = await acquireLock(join(dir, LOCK_FILE), (owner) => locked(dir, owner));
  try {
    const producer = await readOrMakeProducer(dir, options.producerPrefix);
    const cursor = await readCursor(dir);
    const intents = await readIntents(dir);
    const unrecorded = await openUnrecorded(options);
    // Whether one that had no number yet got one after all is seen by its record's span, for the others by the number.
    const unsettled = new Map(unrecorded.entries.filter(({ seq }) => seq === null).map((entry) => [entry.spanId, entry]));
    const look = intents.size > 0 || unsettled.size > 0;
    const scan = await scanSegments(dir, producer, cursor.acked.seq, look ? (json) => dropSettled([intents, unsettled], json) : null);
    const head = continueFrom(producer, cursor, scan);
    const leaves = await openLeaves(options, producer, head);
    const spool = new FileSpool(options, producer, cursor, scan, head, leaves, unrecorded.keeper, release);
    spool.restoreUnrecorded([...unsettled.values(), ...unrecorded.entries.filter(({ seq }) => seq !== null && seq > head.seq)]);
    for (const draft of intents.values()) await spool.recordInterrupted(draft);
    if (intents.size > 0) logger.warn({ producer, interrupted: intents.size }, "recorded calls that a crash cut off");
    await clearIntents(dir);
    await spool.takeRoom();
    return spool;
  } catch (error) {
    await release();
    throw error;
  }
}

function locked(dir: string, owner: string): SignalboxError {
  return new SignalboxError("E_AUDIT_LOCKED", `the spool in ${dir} is open in ${owner}`, { remedy: "give every worker a directory of its own" });
}

/** What an earlier process let through is told even where nothing more may be. */
async function openUnrecorded({ dir, letsThrough = false, logger }: SpoolOptions): Promise<{ keeper: SlotFile | null; entries: readonly UnrecordedCalls[] }> {
  const path = join(dir, UNRECORDED_FILE);
  const left = await readUnrecorded(dir);
  if (!letsThrough && left.length === 0) return { keeper: null, entries: [] };
  try {
    const { file, value } = await SlotFile.open(path, UNRECORDED_SLOT_BYTES);
    return { keeper: file, entries: (value ?? []) as UnrecordedCalls[] };
  } catch (error) {
    logger.warn({ err: error }, "there is no room to keep the number of calls that are let through unrecorded; if this process is killed, it is lost");
    return { keeper: null, entries: left };
  }
}

const SPAN_ID = /"spanId":"([0-9a-f]{16})"/;

/** Every quote inside a JSON string is escaped, so this text occurs as a member's name and nowhere else. */
function dropSettled(waiting: readonly Map<string, unknown>[], json: string): void {
  const spanId = SPAN_ID.exec(json)?.[1];
  if (spanId) for (const one of waiting) one.delete(spanId);
}

/** The chain goes on from the last record on disk, or from the last one delivered where that was deleted since. */
function continueFrom(producer: string, { acked }: Cursor, { segments, head }: ScanResult): ChainHead {
  const firstSeq = segments[0]?.firstSeq ?? acked.seq + 1;
  const last = head ?? acked;
  if (firstSeq > acked.seq + 1 || last.seq < acked.seq) {
    throw missing(producer, last.seq < acked.seq ? last.seq + 1 : acked.seq + 1, acked.seq);
  }
  return last;
}

function missing(producer: string, firstSeq: number, lastSeq: number): SignalboxError {
  const which = lastSeq > firstSeq ? `records ${callId({ producer, seq: firstSeq })} to ${callId({ producer, seq: lastSeq })} are` : `record ${callId({ producer, seq: firstSeq })} is`;
  return new SignalboxError("E_AUDIT_CORRUPT", `the spool is damaged: ${which} missing`, {
    remedy: "restore its segment, or move the spool directory aside to start a new chain",
  });
}

/** A process that was killed had hashes in memory; their records are still in the segments, which go only after them. */
async function openLeaves({ dir, disk = nodeDisk }: SpoolOptions, producer: string, head: ChainHead): Promise<LeafWriter> {
  const known = await lastLeaf(dir);
  if (known && known.seq > head.seq) throw missing(producer, head.seq + 1, known.seq);
  if (known?.seq === head.seq) return new LeafWriter(dir, disk, known);
  let leaves: LeafWriter | null = null;
  for await (const record of (await openSpoolReader(dir)).records((known?.seq ?? 0) + 1)) {
    leaves ??= new LeafWriter(dir, disk, { seq: record.seq - 1, hash: record.prevHash });
    leaves.add(record.hash);
  }
  await leaves?.flush(head.seq);
  return leaves ?? new LeafWriter(dir, disk, head);
}

const RETRY_MS = 1000;

class FileSpool implements Spool {
  readonly dir: string;
  readonly producer: string;
  readonly delivery: Delivery;
  readonly #options: SpoolOptions;
  readonly #segments: SegmentLog;
  readonly #commit: GroupCommit;
  readonly #intents: IntentJournal;
  readonly #writer = new RecordWriter();
  readonly #tail = new SpanTail();
  readonly #leaves: LeafWriter;
  #leavesTimer: NodeJS.Timeout | null = null;
  readonly #ballast: Ballast;
  readonly #room: WokenLoop;
  readonly #unrecorded: UnrecordedCount;
  readonly #lifecycle = new Lifecycle();
  readonly #counts = { appended: 0, refused: 0, diskFailures: 0, interrupted: 0 };
  readonly #durableListeners = new Set<() => void>();
  #head: ChainHead;
  #pendingBytes: number;
  #stopping = false;
  /** Its spans are not in the tail yet. The writer remembers one record, so they are before the next is written. */
  #last: { readonly draft: DraftRecord; readonly place: ChainPlace; readonly bytes: number } | null = null;

  constructor(options: SpoolOptions, producer: string, cursor: Cursor, scan: ScanResult, head: ChainHead, leaves: LeafWriter, unrecorded: SlotFile | null, release: () => Promise<void>) {
    const { dir, clock, disk = nodeDisk, segmentBytes = 64 * 1024 * 1024, segmentMs = 10_000, retryMs = RETRY_MS } = options;
    this.#options = options;
    this.#leaves = leaves;
    this.#ballast = new Ballast(dir, () => this.#diskFull());
    this.#room = createWokenLoop({
      turn: () => this.#commit.exclusive(() => this.#takeRoomBack()),
      failed: (error, failures) => {
        this.#retryFailed(error, failures);
        return retryMs;
      },
    });
    this.dir = dir;
    this.producer = producer;
    this.#head = head;
    this.#pendingBytes = scan.pendingBytes;
    this.#segments = new SegmentLog({ dir, disk, clock, segmentBytes, segmentMs, segments: scan.segments, nextSeq: head.seq + 1 });
    const reports: CommitReports = {
      onFailure: (error) => this.#diskFailed(error),
      onRetryFailed: (error, failures) => this.#retryFailed(error, failures),
      onRecovered: () => this.#recovered(),
    };
    this.#commit = new GroupCommit({
      write: async (bytes, lines) => {
        await this.#segments.write(bytes, lines);
        setImmediate(() => this.#afterCommit());
      },
      recover: () => this.#takeRoom(),
      retain: true,
      retryMs,
      ...reports,
    });
    this.#unrecorded = new UnrecordedCount({
      file: unrecorded,
      logger: options.logger,
      producer,
      everyMs: retryMs,
      takesRecords: () => this.available,
      append: (draft) => this.#write(draft),
      durableSeq: () => this.#segments.durableSeq,
    });
    this.#intents = new IntentJournal({ dir, disk, ballast: this.#ballast, retryMs, durableSeq: () => this.#segments.durableSeq, reports });
    this.delivery = createDelivery({
      dir,
      producer,
      cursor,
      segments: this.#segments,
      tail: this.#tail,
      completeTail: () => this.#finishLast(),
      ballast: this.#ballast,
      beforeDelete: async () => {
        await this.#intents.compact();
        await this.#flushLeaves();
        await this.#unrecorded.save();
      },
      onAcknowledged: (bytes) => void (this.#pendingBytes -= bytes),
      onDurable: (listener) => {
        this.#durableListeners.add(listener);
        return () => void this.#durableListeners.delete(listener);
      },
    });
    this.#lifecycle.add("lock", release);
    this.#lifecycle.add("segments", () => this.#segments.close());
    this.#lifecycle.add("leaves", async () => {
      if (this.#leavesTimer) clearTimeout(this.#leavesTimer);
      await this.#flushLeaves().finally(() => this.#leaves.close());
    });
    this.#lifecycle.add("reader", () => this.delivery.close());
    this.#lifecycle.add("intents", () => this.#intents.stop());
    this.#lifecycle.add("unrecorded calls", () => this.#unrecorded.close());
    this.#lifecycle.add("commits", () => this.#commit.stop());
    this.#lifecycle.add("room", () => this.#room.end());
    // A full spool takes these all the same, because leaving them out would hide calls.
    this.#lifecycle.add("records of unrecorded calls", () => void (this.#commit.failed || this.#unrecorded.record()));
  }

  get available(): boolean {
    const { maxBytes } = this.#options;
    return this.#writable && this.#intents.available && this.#pendingBytes < maxBytes - reserveBytes(maxBytes);
  }

  get #writable(): boolean {
    return !this.#stopping && !this.#commit.failed && this.#ballast.whole && this.#pendingBytes < this.#options.maxBytes;
  }

  get stats(): SpoolStats {
    return {
      ...this.#counts,
      letThrough: this.#unrecorded.total,
      headSeq: this.#head.seq,
      durableSeq: this.#segments.durableSeq,
      ackedSeq: this.delivery.cursor.acked.seq,
      pendingBytes: this.#pendingBytes,
    };
  }

  append(draft: DraftRecord): { seq: number; durable: Promise<void> } {
    if (!this.#writable) throw this.#unavailable();
    const { seq, durable } = this.#write(draft);
    this.#counts.appended++;
    this.#intents.recorded(draft.spanId, seq);
    return { seq, durable };
  }

  async intend(draft: DraftRecord): Promise<Intent> {
    if (!this.available) throw this.#unavailable();
    return this.#intents.write(draft);
  }

  /** For opening only. */
  async takeRoom(): Promise<void> {
    await this.#takeRoom().catch(() => this.#takeRoomLater());
  }

  /** Takes the ballast, without which no record is taken. Where the disk is full, what was delivered may be all the room there is. */
  async #takeRoom(): Promise<void> {
    await this.#segments.seal();
    // Whether enough could be deleted is seen by what is written next.
    await this.delivery.deleteDelivered().catch(() => {});
    await this.#ballast.restore();
  }

  /** A failed commit does it itself when it recovers. */
  async #takeRoomBack(): Promise<void> {
    if (this.#ballast.whole || this.#commit.failed) return;
    await this.#takeRoom();
    this.#recovered();
  }

  letThrough(draft: DraftRecord, retainedAs: number | null = null): void {
    this.#unrecorded.add(draft, retainedAs);
  }

  /** For opening only. */
  restoreUnrecorded(entries: readonly UnrecordedCalls[]): void {
    this.#unrecorded.restore(entries);
  }

  /** For opening only: a full spool takes these all the same, because dropping one would hide a call. */
  async recordInterrupted(draft: DraftRecord): Promise<void> {
    const { durable } = this.#write(interruptedRecord(draft));
    this.#counts.interrupted++;
    await durable;
  }

  #write(record: DraftRecord): { seq: number; durable: Promise<void> } {
    this.#finishLast();
    const { head, draft, place } = link(this.#writer, this.producer, this.#head, record);
    const { bytes, durable } = this.#commit.append((out) => this.#writer.json(out, draft, place));
    this.#head = head;
    this.#pendingBytes += bytes;
    this.#last = { draft, place, bytes };
    return { seq: head.seq, durable };
  }

  /** In a turn of its own: whoever waited for the disk has gone on by then. */
  #afterCommit(): void {
    this.#finishLast();
    for (const listener of this.#durableListeners) listener();
    // The end keeps them itself.
    if (this.#stopping) return;
    this.#leavesTimer ??= setTimeout(() => this.#flushLeavesLater(), this.#options.leavesMs ?? 1000).unref();
  }

  /** What the last record needs besides its line, when no call waits for it any more. */
  #finishLast(): void {
    if (this.#last === null) return;
    const { draft, place, bytes } = this.#last;
    this.#last = null;
    this.#leaves.add(place.hash);
    this.#tail.add(draft, place, bytes, (out) => this.#writer.spans(out, draft, place));
  }

  flush(): Promise<void> {
    return this.#commit.flush();
  }

  #flushLeaves(): Promise<void> {
    this.#finishLast();
    return this.#leaves.flush(this.#segments.durableSeq);
  }

  #flushLeavesLater(): void {
    this.#leavesTimer = null;
    this.#flushLeaves().catch((error: unknown) => this.#options.logger.warn({ err: error, producer: this.producer }, "hashes could not be kept for the next checkpoint yet"));
  }

  stop(): Promise<void> {
    this.#stopping = true;
    return this.#lifecycle.stop();
  }

  #diskFailed(error: unknown): void {
    this.#counts.diskFailures++;
    this.#options.logger.error({ err: error, producer: this.producer }, "the audit spool cannot be written to; calls are refused until it can");
  }

  #diskFull(): void {
    this.#options.logger.error({ producer: this.producer }, "the audit spool's disk is full; calls are refused until there is room");
    this.#takeRoomLater();
  }

  #takeRoomLater(): void {
    this.#room.wakeIn(this.#options.retryMs ?? RETRY_MS);
  }

  #recovered(): void {
    this.#options.logger.info({ producer: this.producer }, "the audit spool can be written to again");
  }

  #retryFailed(error: unknown, failures: number): void {
    if (isWorthSaying(failures)) this.#options.logger.error({ err: error, producer: this.producer, failures }, "the audit spool still cannot be written to; calls are refused until it can");
  }

  #unavailable(): SignalboxError {
    this.#counts.refused++;
    const why = this.#stopping
      ? "the spool is closed"
      : this.#commit.failed || !this.#intents.available
        ? "its disk has failed"
        : !this.#ballast.whole
          ? "its disk is full"
          : `it holds ${this.#pendingBytes} bytes that the collector has not acknowledged`;
    return new SignalboxError("E_AUDIT_UNAVAILABLE", `the audit spool takes no record: ${why}`, {
      remedy: "check that the collector can be reached and that the disk has room",
    });
  }
}
