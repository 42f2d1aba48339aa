import { isWorthSaying, type Logger } from "../kernel/log.ts";
import type { DraftRecord } from "../record/call-record.ts";
import type { SlotFile } from "./slot-file.ts";
import { UnrecordedLedger, type UnrecordedCalls } from "./unrecorded.ts";

export interface UnrecordedCountOptions {
  /** Null where the count is in memory alone. */
  readonly file: SlotFile | null;
  readonly logger: Logger;
  readonly producer: string;
  /** How often it is seen whether records are taken again. */
  readonly everyMs: number;
  readonly takesRecords: () => boolean;
  readonly append: (draft: DraftRecord) => { readonly seq: number; readonly durable: Promise<void> };
  readonly durableSeq: () => number;
}

/** Counts the calls that are let through unrecorded, keeps the count over a crash, and puts it on record when that can be done. */
export class UnrecordedCount {
  readonly #options: UnrecordedCountOptions;
  readonly #ledger = new UnrecordedLedger();
  #timer: NodeJS.Timeout | null = null;
  #saving: Promise<void> = Promise.resolve();
  #waiting = false;
  #saved = true;
  #closed = false;

  constructor(options: UnrecordedCountOptions) {
    this.#options = options;
  }

  get total(): number {
    return this.#ledger.total;
  }

  add(draft: DraftRecord, retainedAs: number | null): void {
    this.#ledger.add(draft, retainedAs);
    this.#saved = false;
    const { total } = this.#ledger;
    if (isWorthSaying(total)) this.#options.logger.error({ producer: this.#options.producer, calls: total }, "calls are let through unrecorded");
    this.#lookLater(this.#options.everyMs);
    void this.#saveSoon();
  }

  restore(entries: readonly UnrecordedCalls[]): void {
    if (entries.length === 0) return;
    this.#ledger.restore(entries);
    this.#lookLater(0);
  }

  /** Appends what there is to say, whether or not the spool would take other records. */
  record(): void {
    this.#ledger.record((draft) => {
      const { seq, durable } = this.#options.append(draft);
      durable.then(() => this.#look(), () => {});
      return seq;
    });
    this.#saved = false;
  }

  /** Has on disk what is still to be recorded, and no more of what is on record. */
  save(): Promise<void> {
    if (this.#ledger.settle(this.#options.durableSeq())) this.#saved = false;
    const saved = this.#saving.then(async () => {
      if (this.#saved || this.#options.file === null) return;
      this.#saved = true;
      await this.#options.file.write(this.#ledger).catch((error: unknown) => {
        this.#saved = false;
        throw error;
      });
    });
    this.#saving = saved.catch(() => {});
    return saved;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    try {
      await this.save();
    } catch (error) {
      this.#options.logger.error({ err: error, calls: this.#ledger }, "calls were let through unrecorded, and their number could not be kept");
    } finally {
      await this.#options.file?.close();
    }
  }

  /** One at a time: what is counted meanwhile goes with the next. */
  async #saveSoon(): Promise<void> {
    if (this.#waiting || this.#closed) return;
    this.#waiting = true;
    await this.#saving;
    this.#waiting = false;
    // A disk that takes nothing is tried again with the next call; the log has the number.
    if (!this.#closed) await this.save().catch(() => {});
  }

  #lookLater(ms: number): void {
    if (this.#timer || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#look();
    }, ms).unref();
  }

  #look(): void {
    if (this.#closed) return;
    if (this.#ledger.hasUnwritten && this.#options.takesRecords()) this.record();
    void this.#saveSoon();
    if (!this.#ledger.isEmpty) this.#lookLater(this.#options.everyMs);
  }
}
