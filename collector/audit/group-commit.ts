import { createWokenLoop, type WokenLoop } from "../kernel/woken-loop.ts";
import type { ByteWriter } from "../record/byte-writer.ts";
import { LineBuffer } from "./line.ts";

/**
 * Many appends, one write: lines that arrive while a commit is in flight, or under load within a few turns of the event
 * loop, leave together in the next. One commit is in flight at a time, so lines become durable in the order of appending.
 *
 * After a failed commit nothing more is written until `recover` has succeeded, which is tried again every `retryMs`.
 * `retain` decides what becomes of the lines that were waiting: their promises reject either way, but a record must still
 * be written then (its number is taken), whereas an intent whose call was refused must not.
 */
export interface GroupCommitOptions extends CommitReports {
  /** Writes and makes durable; a rejection leaves the file in any state, which `recover` mends. */
  write(bytes: Buffer, lines: number): Promise<void>;
  recover(): Promise<void>;
  readonly retain: boolean;
  readonly retryMs: number;
}

export interface CommitReports {
  onFailure(error: unknown): void;
  /** `recover`, or what was written behind it, failed; with how many times in a row it did. */
  onRetryFailed(error: unknown, failures: number): void;
  onRecovered(): void;
}

interface Batch {
  readonly buffer: LineBuffer;
  readonly done: PromiseWithResolvers<void>;
}

/** Buffers above this are not kept for the next batch: a burst must not hold its memory for ever. */
const KEEP_BYTES = 4 * 1024 * 1024;

/**
 * A commit waits for company until so many turns of the event loop brought none. A turn takes little time when there is
 * nothing to do, and under load some calls' worth: then most of the calls under way come into one commit, which costs as
 * much for one line as for thirty. A line whose predecessor left alone waits for none: there is no load.
 */
const QUIET_TURNS = 4;
/** So many lines wait for no more. */
const ENOUGH_LINES = 32;

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #filling: Batch | null = null;
  #spare: LineBuffer | null = null;
  #retained: LineBuffer[] = [];
  #serial: Promise<void> = Promise.resolve();
  #busy = false;
  readonly #retries: WokenLoop;
  /** Lines of the last commit. */
  #lastLines = 0;
  failed = false;
  /** Bytes that wait for a commit. */
  waitingBytes = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#retries = createWokenLoop({
      turn: () => this.exclusive(() => this.#recover()),
      failed(error, failures) {
        options.onRetryFailed(error, failures);
        return options.retryMs;
      },
    });
  }

  /** `write` writes one line's JSON, and must not throw. Not to be called while `failed`. `durable` is shared by the whole batch. */
  append(write: (out: ByteWriter) => void): { bytes: number; durable: Promise<void> } {
    const batch = (this.#filling ??= this.#begin());
    const bytes = batch.buffer.add(write);
    this.waitingBytes += bytes;
    return { bytes, durable: batch.done.promise };
  }

  /** Runs `work` with no commit in flight. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#serial.then(work);
    this.#serial = result.then(ignore, ignore);
    return result;
  }

  /** Resolves when everything appended so far was written or has failed. */
  async flush(): Promise<void> {
    while (this.#filling || this.#busy) {
      await this.#filling?.done.promise.catch(ignore);
      await this.#serial;
    }
  }

  /** Waits for what is in flight and ends the retries. Lines that no recovery could write are lost with the process. */
  async stop(): Promise<void> {
    await this.flush();
    this.#retries.end();
    await this.#serial;
  }

  #begin(): Batch {
    const buffer = this.#spare ?? new LineBuffer();
    this.#spare = null;
    const done = Promise.withResolvers<void>();
    // A caller that does not wait for durability must not bring the process down.
    done.promise.catch(ignore);
    if (!this.#busy && !this.failed) this.#schedule();
    return { buffer, done };
  }

  #schedule(): void {
    this.#busy = true;
    if (this.#lastLines <= 1) return void this.exclusive(() => this.#commit());
    let quiet = 0;
    // Scheduled by its first line, which is thus no company.
    let seen = 1;
    const next = (): void => {
      const lines = this.#filling?.buffer.lines ?? 0;
      quiet = lines === seen ? quiet + 1 : 0;
      seen = lines;
      if (quiet < QUIET_TURNS && lines < ENOUGH_LINES) setImmediate(next);
      else void this.exclusive(() => this.#commit());
    };
    setImmediate(next);
  }

  async #commit(): Promise<void> {
    const batch = this.#filling;
    this.#filling = null;
    try {
      if (!batch) return;
      this.#lastLines = batch.buffer.lines;
      await this.#options.write(batch.buffer.bytes, batch.buffer.lines);
      this.#written(batch.buffer);
      batch.done.resolve();
    } catch (error) {
      this.#fail(batch as Batch, error);
    } finally {
      this.#busy = false;
      if (this.#filling && !this.failed) this.#schedule();
    }
  }

  #written(buffer: LineBuffer): void {
    this.waitingBytes -= buffer.bytes.length;
    buffer.clear();
    if (buffer.capacity <= KEEP_BYTES) this.#spare ??= buffer;
  }

  #fail(batch: Batch, error: unknown): void {
    const waiting = this.#filling ? [batch, this.#filling] : [batch];
    this.#filling = null;
    this.failed = true;
    for (const { buffer, done } of waiting) {
      if (this.#options.retain) this.#retained.push(buffer);
      else this.waitingBytes -= buffer.bytes.length;
      done.reject(error);
    }
    this.#options.onFailure(error);
    this.#retries.wakeIn(this.#options.retryMs);
  }

  async #recover(): Promise<void> {
    await this.#options.recover();
    while (this.#retained[0]) {
      const buffer = this.#retained[0];
      await this.#options.write(buffer.bytes, buffer.lines);
      this.#retained.shift();
      this.#written(buffer);
    }
    this.failed = false;
    this.#options.onRecovered();
  }
}

function ignore(): void {}
