import { setTimeout as delay } from "node:timers/promises";
import { systemClock, type Clock } from "../kernel/clock.ts";
import type { Stoppable } from "../kernel/lifecycle.ts";
import { isWorthSaying, type Logger } from "../kernel/log.ts";
import { packageVersion } from "../kernel/package-info.ts";
import { traceRequest } from "../record/otlp-encode.ts";
import { backoffMs } from "./backoff.ts";
import type { Delivery } from "./delivery.ts";
import type { Batch } from "./encode-batch.ts";
import { REJECTED_FILE } from "./layout.ts";
import { setAside } from "./rejected.ts";
import { createSender, type Sender } from "./send.ts";
import { Signal } from "./signal.ts";
import type { Spool } from "./spool.ts";

export interface ExporterOptions {
  readonly spool: Pick<Spool, "delivery" | "flush" | "stats">;
  /** The collector's base URL, without `/v1/traces`. */
  readonly endpoint: string;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Records and bytes of lines that travel together at most. */
  readonly maxBatch?: number;
  readonly maxBatchBytes?: number;
  /** How long a record waits for company. */
  readonly flushMs?: number;
  readonly sender?: Sender;
  readonly random?: () => number;
}

/** Counts since the start, but for the last three. */
export interface ExporterStats {
  readonly batches: number;
  readonly acked: number;
  readonly retries: number;
  readonly refusals: number;
  readonly parked: number;
  readonly pending: number;
  readonly pendingBytes: number;
  /** Age of the oldest record that is not acknowledged, in ms; 0 when there is none. */
  readonly oldestPendingMs: number;
}

export interface Exporter extends Stoppable {
  readonly stats: ExporterStats;
  /** Sends what can be sent until the deadline and leaves the rest to the next process. */
  stop(options?: { deadlineMs?: number }): Promise<void>;
}

/** Between a batch's bounds and its bytes stand only the record mapping and this. */
export const SERVICE_NAME = "signalbox-proxy";

/**
 * Delivers a spool to a collector, at least once and in order. A batch's bounds are durable before it is sent and are the
 * first thing that is sent again after a crash, so that the store recognises it. Nothing is ever given up: a failure is
 * tried again for ever, a refusal halves the batch until the record at fault stands alone, and that one is set aside in
 * `rejected.ndjson`.
 */
export function startExporter(options: ExporterOptions): Exporter {
  const exporter = new SpoolExporter(options);
  exporter.start();
  return exporter;
}

class SpoolExporter implements Exporter {
  readonly #options: Required<Omit<ExporterOptions, "spool">>;
  readonly #spool: ExporterOptions["spool"];
  readonly #delivery: Delivery;
  readonly #wake = new Signal();
  readonly #abort = new AbortController();
  readonly #counts = { batches: 0, acked: 0, retries: 0, refusals: 0, parked: 0 };
  /** Records that travel together at most: fewer than asked for while a refused batch is being taken apart. */
  #limit: number;
  /** How many pending records end the wait: commits come by the thousand, and few of them matter to the exporter. */
  #wakeAt = 1;
  #failures = 0;
  #pendingSinceMs: number | null = null;
  #draining = false;
  #running: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  constructor(options: ExporterOptions) {
    const { spool, clock = systemClock, maxBatch = 5000, maxBatchBytes = 6 * 1024 * 1024, flushMs = 1000, random = Math.random } = options;
    const sender = options.sender ?? createSender(options.endpoint, clock);
    this.#options = { ...options, clock, maxBatch, maxBatchBytes, flushMs, random, sender };
    this.#spool = spool;
    this.#delivery = spool.delivery;
    this.#limit = maxBatch;
  }

  start(): void {
    const unsubscribe = this.#delivery.onDurable(() => {
      this.#pendingSinceMs ??= this.#options.clock.nowMs();
      if (this.#pending >= this.#wakeAt) this.#wake.set();
    });
    this.#running = this.#run().finally(unsubscribe);
  }

  get #pending(): number {
    return this.#delivery.durableSeq - this.#delivery.cursor.acked.seq;
  }

  get stats(): ExporterStats {
    const pending = this.#pending;
    const since = pending > 0 ? (this.#pendingSinceMs ?? this.#options.clock.nowMs()) : null;
    return {
      ...this.#counts,
      pending,
      pendingBytes: this.#spool.stats.pendingBytes,
      oldestPendingMs: since === null ? 0 : Math.max(0, this.#options.clock.nowMs() - since),
    };
  }

  stop({ deadlineMs = 5000 }: { deadlineMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#drain(deadlineMs);
    return this.#stopping;
  }

  async #drain(deadlineMs: number): Promise<void> {
    const timer = setTimeout(() => this.#abort.abort(), deadlineMs);
    try {
      await Promise.race([this.#spool.flush(), sleep(deadlineMs, this.#abort.signal)]);
      this.#draining = true;
      this.#wake.set();
      await this.#running;
    } finally {
      clearTimeout(timer);
      this.#abort.abort();
      await this.#options.sender.close();
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      if (this.#pending === 0) {
        this.#pendingSinceMs = null;
        if (this.#draining) return;
        await this.#wake.wait(null, signal);
        continue;
      }
      try {
        await this.#gather();
        await this.#deliverNext();
      } catch (error) {
        // The spool's own disk: delivery is where it was, so it is tried again like any other failure.
        this.#options.logger.error({ err: error, producer: this.#delivery.producer }, "the exporter could not work on its spool");
        await this.#pause(null);
      }
    }
  }

  /** Gives the next records a chance to travel along, unless there are enough, nothing more will come, or the batch is
   * one that was begun before. */
  async #gather(): Promise<void> {
    const { flushMs, maxBatch } = this.#options;
    if (this.#draining || this.#limit < maxBatch || this.#delivery.cursor.sending || this.#pending >= maxBatch) return;
    this.#wakeAt = maxBatch;
    // Every commit while the last batch was under way has set it, which would end this wait before it began.
    this.#wake.clear();
    await this.#wake.wait(flushMs, this.#abort.signal);
    this.#wakeAt = 1;
  }

  async #deliverNext(): Promise<void> {
    const { acked, sending } = this.#delivery.cursor;
    const first = acked.seq + 1;
    const bounds = sending ?? { firstSeq: first, lastSeq: Infinity };
    const records = Math.min(bounds.lastSeq - first + 1, sending ? Infinity : this.#limit);
    const batch = await this.#delivery.next(first, { records, bytes: sending ? Infinity : this.#options.maxBatchBytes });
    if (!batch) throw new Error(`record ${first} cannot be read`);
    this.#pendingSinceMs = Math.floor(batch.firstReceivedUs / 1000);
    const lastSeq = batch.last.seq;
    if (!sending) await this.#delivery.beginSending(first, lastSeq);

    const spans = await batch.spans(this.#abort.signal);
    if (!spans) return;
    const body = traceRequest(this.#resource(), spans);
    const reply = await this.#options.sender.send(body, `${this.#delivery.producer}:${first}-${lastSeq}`, this.#abort.signal);
    if (reply.kind === "accepted") await this.#accepted(batch);
    else if (reply.kind === "refused") await this.#refused(batch, reply.why);
    else await this.#failed(batch, reply.why, reply.afterMs);
  }

  async #accepted(batch: Batch): Promise<void> {
    this.#failures = 0;
    this.#counts.batches++;
    this.#counts.acked += batch.records;
    this.#limit = Math.min(this.#limit * 2, this.#options.maxBatch);
    await this.#delivery.acknowledge(batch.last, batch.bytes);
  }

  async #refused(batch: Batch, why: string): Promise<void> {
    const { logger, clock } = this.#options;
    this.#counts.refusals++;
    const { firstSeq, records } = batch;
    const { producer, dir } = this.#delivery;
    if (records > 1) {
      this.#limit = Math.ceil(records / 2);
      logger.warn({ producer, firstSeq, records, why }, "the collector refused a batch; sending it in halves");
      await this.#delivery.beginSending(firstSeq, firstSeq + this.#limit - 1);
      return;
    }
    const [line] = await this.#delivery.read(firstSeq, { records: 1, bytes: Infinity });
    if (!line) throw new Error(`record ${firstSeq} cannot be read`);
    if (!(await setAside(dir, line.json, why, clock.nowMs()))) {
      await this.#failed(batch, `${why}; ${REJECTED_FILE} is full`, null);
      return;
    }
    this.#counts.parked++;
    logger.error({ producer, seq: firstSeq, why }, "the collector refused a record; it was set aside");
    await this.#delivery.acknowledge(batch.last, batch.bytes);
  }

  async #failed({ firstSeq, records }: Batch, why: string, afterMs: number | null): Promise<void> {
    if (this.#abort.signal.aborted) return;
    this.#counts.retries++;
    const context = { producer: this.#delivery.producer, firstSeq, records, failures: this.#failures + 1, why };
    if (isWorthSaying(this.#failures + 1)) this.#options.logger.warn(context, "the collector did not take a batch; trying again");
    await this.#pause(afterMs);
  }

  async #pause(afterMs: number | null): Promise<void> {
    const ms = Math.max(backoffMs(this.#failures, this.#options.random()), afterMs ?? 0);
    this.#failures++;
    await sleep(ms, this.#abort.signal);
  }

  #resource() {
    const version = packageVersion();
    return {
      attributes: [
        ["service.name", SERVICE_NAME],
        ["service.instance.id", this.#delivery.producer],
        ["service.version", version],
      ] as const,
      scopeName: "mcp-signalbox",
      scopeVersion: version,
    };
  }
}

/** Ends early when `signal` is aborted. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
