import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { ClickHouseError } from "@clickhouse/client";
import { backoffMs } from "../audit/backoff.ts";
import { withDeadline, type Stoppable } from "../kernel/lifecycle.ts";
import { isWorthSaying, type Logger } from "../kernel/log.ts";
import { createWokenLoop } from "../kernel/woken-loop.ts";
import { describeStoreError } from "../receive/trace-store.ts";
import type { Store } from "../store/client.ts";
import { names, sealLeft, tableOf, workerDirs } from "./files.ts";

export interface PayloadDelivery extends Stoppable {
  /** Resolves when every batch that lay there was delivered, or one could not be. */
  run(): Promise<void>;
}

export interface PayloadDeliveryOptions {
  readonly store: Pick<Store, "insert">;
  /** The folder of the workers' folders. */
  readonly root: string;
  /** Slots from this one on have no worker: what an earlier one left there is taken over. */
  readonly workers: number;
  readonly logger: Logger;
  readonly everyMs?: number;
}

const EVERY_MS = 1000;
const LAST_MS = 1000;

/**
 * Brings the workers' batches to the store, at least once and with the batch's name as its token, and deletes what it has.
 * It belongs into a process that no call passes through. Nothing is given up here: while the store is away the batches stay,
 * and the workers drop what has no room.
 */
export function startPayloadDelivery(options: PayloadDeliveryOptions): PayloadDelivery {
  const { store, root, workers, logger, everyMs = EVERY_MS } = options;
  const abort = new AbortController();
  let tookOver = false;

  async function takeOver(): Promise<void> {
    for (const { slot, path } of await workerDirs(root)) if (slot >= workers) await sealLeft(path);
    tookOver = true;
  }

  async function deliverAll(): Promise<void> {
    if (!tookOver) await takeOver();
    let refused: unknown;
    for (const { path } of await workerDirs(root)) {
      for (const name of await names(path)) {
        const table = tableOf(name);
        if (table === null) continue;
        try {
          await deliver(join(path, name), name, table);
        } catch (error) {
          // What the store refuses is tried again; the others need not wait for it.
          if (!(error instanceof ClickHouseError)) throw error;
          refused = error;
        }
      }
    }
    if (refused !== undefined) throw refused;
  }

  async function deliver(path: string, name: string, table: string): Promise<void> {
    const { rows, unreadable } = parseLines(await readFile(path, "utf8"));
    if (unreadable > 0) logger.error({ batch: name, unreadable }, "lines of a batch of payloads can't be read; they are left out");
    await store.insert(table, rows, { deduplicationToken: name, signal: abort.signal });
    await rm(path, { force: true });
  }

  const loop = createWokenLoop({
    async turn() {
      await deliverAll();
      loop.wakeIn(everyMs);
    },
    failed(error, failures) {
      if (isWorthSaying(failures)) logger.warn({ why: describeStoreError(error), failures }, "payloads could not be delivered; trying again");
      return backoffMs(failures - 1, 1);
    },
  });
  const run = async (): Promise<void> => {
    loop.wake();
    await loop.settled();
  };

  loop.wake();
  return {
    run,
    async stop() {
      if (loop.ended) return;
      await withDeadline(run(), LAST_MS, "delivering payloads").catch(() => {});
      loop.end();
      abort.abort();
      await loop.settled();
    },
  };
}

function parseLines(text: string): { rows: object[]; unreadable: number } {
  const rows: object[] = [];
  let unreadable = 0;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    try {
      rows.push(JSON.parse(line) as object);
    } catch {
      unreadable++;
    }
  }
  return { rows, unreadable };
}
