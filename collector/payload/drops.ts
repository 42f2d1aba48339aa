import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/log.ts";
import type { DropReason } from "./payload.ts";

/** A row of `dropped_payloads`. */
export interface DropRow {
  readonly producer: string;
  readonly reason: DropReason;
  readonly first_at: string;
  readonly last_at: string;
  readonly payloads: number;
}

interface Count {
  firstMs: number;
  lastMs: number;
  payloads: number;
}

/** Counts what was dropped, and says so in the log: at once, and then ever more seldom. */
export class Drops {
  readonly #producer: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #total = new Map<DropReason, number>();
  /** Since the last rows were taken. */
  #counts = new Map<DropReason, Count>();

  constructor(options: { producer: string; clock: Clock; logger: Logger }) {
    this.#producer = options.producer;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  add(reason: DropReason, payloads: number): void {
    if (payloads === 0) return;
    const nowMs = this.#clock.nowMs();
    const count = this.#counts.get(reason);
    if (count) {
      count.lastMs = nowMs;
      count.payloads += payloads;
    } else this.#counts.set(reason, { firstMs: nowMs, lastMs: nowMs, payloads });
    const before = this.#total.get(reason) ?? 0;
    this.#total.set(reason, before + payloads);
    if (Math.floor(Math.log2(before + payloads)) > Math.floor(Math.log2(before))) {
      this.#logger.warn({ reason, payloads: before + payloads }, "payloads could not be kept; the calls are on record all the same");
    }
  }

  get any(): boolean {
    return this.#counts.size > 0;
  }

  /** What was counted since the last time, as rows; from here on it is the caller's to write down, or to give back. */
  take(): DropRow[] {
    const at = (ms: number): string => new Date(ms).toISOString();
    const rows = [...this.#counts].map(([reason, { firstMs, lastMs, payloads }]) => ({ producer: this.#producer, reason, first_at: at(firstMs), last_at: at(lastMs), payloads }));
    this.#counts = new Map();
    return rows;
  }

  /** Rows that could not be written down. */
  giveBack(rows: readonly DropRow[]): void {
    for (const { reason, first_at, last_at, payloads } of rows) {
      const since = this.#counts.get(reason);
      const count = { firstMs: Date.parse(first_at), lastMs: since?.lastMs ?? Date.parse(last_at), payloads: payloads + (since?.payloads ?? 0) };
      this.#counts.set(reason, count);
    }
  }
}
