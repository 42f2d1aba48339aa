import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DraftRecord } from "../record/call-record.ts";
import type { Intent } from "./audit-log.ts";
import type { Ballast } from "./ballast.ts";
import { replaceFile, type AppendFile, type Disk } from "./disk.ts";
import { GroupCommit, type CommitReports } from "./group-commit.ts";
import { INTENTS_FILE } from "./layout.ts";
import { eachLine, LineBuffer, lineHolds, lineJson } from "./line.ts";

/** Intents that may be open at once, and the journal's size at which settled ones are dropped from it. */
const MAX_OPEN = 16_384;
const COMPACT_BYTES = 4 * 1024 * 1024;

interface OpenIntent {
  readonly json: string;
  /** The record that settled it, once there is one. */
  seq: number | null;
}

/**
 * The journal of calls that are about to be forwarded. An intent leaves the journal only when its record is durable: it is
 * rewritten with the open ones when it has grown, and before any segment is deleted, because a record that was shipped
 * can no longer tell that its intent was settled.
 */
export class IntentJournal {
  readonly #path: string;
  readonly #disk: Disk;
  readonly #durableSeq: () => number;
  readonly #commit: GroupCommit;
  readonly #open = new Map<string, OpenIntent>();
  #file: AppendFile | null = null;
  #bytes = 0;

  constructor(options: {
    dir: string;
    disk: Disk;
    ballast: Ballast;
    retryMs: number;
    durableSeq: () => number;
    reports: CommitReports;
  }) {
    this.#path = join(options.dir, INTENTS_FILE);
    this.#disk = options.disk;
    this.#durableSeq = options.durableSeq;
    this.#commit = new GroupCommit({
      write: (bytes) => this.#write(bytes),
      // No record is taken while it has failed, so nothing else would ask for room.
      recover: () => options.ballast.makeRoomFor(() => this.#rewrite()),
      retain: false,
      retryMs: options.retryMs,
      ...options.reports,
    });
  }

  /** False after a failed write until the next one would work, and while too many intents are open. */
  get available(): boolean {
    return !this.#commit.failed && this.#open.size < MAX_OPEN;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Not to be called while not `available`. */
  async write(draft: DraftRecord): Promise<Intent> {
    const json = JSON.stringify(draft);
    this.#open.set(draft.spanId, { json, seq: null });
    try {
      await this.#commit.append((out) => out.text(json)).durable;
    } catch (error) {
      this.#open.delete(draft.spanId);
      throw error;
    }
    return { settle: () => this.#forget(draft.spanId) };
  }

  /** Tells the journal of every record, by which it learns that an intent was settled. */
  recorded(spanId: string, seq: number): void {
    if (this.#open.size === 0) return;
    const intent = this.#open.get(spanId);
    if (intent) intent.seq = seq;
  }

  /** Drops what is settled, so that deleting the segments with their records is safe. */
  compact(): Promise<void> {
    return this.#commit.exclusive(async () => {
      if (this.#bytes > 0) await this.#rewrite();
    });
  }

  async stop(): Promise<void> {
    await this.#commit.stop();
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  /** Frees the memory of a settled intent whose record is on disk. One without a record stays, and is recorded as
   * interrupted when the spool is next opened: it was promised, and the append that should have kept it failed. */
  #forget(spanId: string): void {
    const intent = this.#open.get(spanId);
    if (intent && this.#isSettled(intent)) this.#open.delete(spanId);
  }

  #isSettled(intent: OpenIntent): boolean {
    return intent.seq !== null && intent.seq <= this.#durableSeq();
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.#bytes >= COMPACT_BYTES) await this.#rewrite();
    this.#file ??= await this.#disk.openAppend(this.#path);
    await this.#file.write(bytes);
    await this.#file.sync();
    this.#bytes += bytes.length;
  }

  /** The journal is small and its content is in memory, so it is written anew rather than mended. */
  async #rewrite(): Promise<void> {
    const kept = new LineBuffer();
    for (const [spanId, intent] of this.#open) {
      if (this.#isSettled(intent)) this.#open.delete(spanId);
      else kept.add((out) => out.text(intent.json));
    }
    const file = this.#file;
    this.#file = null;
    await file?.close().catch(() => {});
    await replaceFile(this.#path, kept.bytes.toString());
    this.#bytes = kept.bytes.length;
  }
}

/** What an earlier process left in the journal: one draft a span, in the order of writing. A torn last line is left out,
 * because its call was never forwarded. Throws for a damaged line, naming its position. */
export async function readIntents(dir: string): Promise<Map<string, DraftRecord>> {
  const found = new Map<string, DraftRecord>();
  let bytes: Buffer;
  try {
    bytes = await readFile(join(dir, INTENTS_FILE));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return found;
    throw error;
  }
  eachLine(bytes, (line, offset) => {
    if (!lineHolds(line)) throw new Error(`the intent at byte ${offset} of ${INTENTS_FILE} does not match its checksum`);
    const draft = JSON.parse(lineJson(line)) as DraftRecord;
    found.set(draft.spanId, draft);
  });
  return found;
}

export function clearIntents(dir: string): Promise<void> {
  return replaceFile(join(dir, INTENTS_FILE), "");
}

/** The record of a call that a crash cut off: decided as drafted; what became of it upstream nobody knows. */
export function interruptedRecord(draft: DraftRecord): DraftRecord {
  return {
    ...draft,
    attempts: 1,
    answeredAfterUs: null,
    completedAfterUs: 0,
    outcome: "interrupted",
    errorType: "interrupted",
    rpcCode: "",
    httpStatus: 0,
    upstreamStatus: 0,
    resultBytes: 0,
    resultDigest: "",
    handling: "pass",
    handlingFindings: [],
  };
}
