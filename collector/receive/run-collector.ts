import { setTimeout as sleep } from "node:timers/promises";
import { ClickHouseError } from "@clickhouse/client";
import type { CollectorConfig, StoreConfig } from "../config.ts";
import type { Clock } from "../kernel/clock.ts";
import { SignalboxError } from "../kernel/errors.ts";
import { Lifecycle, withDeadline, type Stoppable } from "../kernel/lifecycle.ts";
import type { Logger } from "../kernel/log.ts";
import { portError } from "../kernel/ports.ts";
import { createStoreClient } from "../store/client.ts";
import { migrate } from "../store/migrate.ts";
import { createReceiver } from "./receiver.ts";
import { createTraceStore } from "./trace-store.ts";

const MIGRATIONS = new URL("../store/migrations/", import.meta.url);
const RETRY_MS = { first: 100, most: 2000 } as const;
/** What is in progress may finish within this time; what is not acknowledged by then is sent again by its sender. */
const STOP_TIMEOUT_MS = 10_000;

export interface Collector extends Stoppable {
  readonly url: string;
}

interface CollectorDeps {
  readonly config: CollectorConfig;
  readonly store: StoreConfig;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Listens for spans. The store must have been migrated; it need not answer at the moment. */
export async function startCollector({ config, store, clock, logger }: CollectorDeps): Promise<Collector> {
  const { url, username, password, database } = store;
  const traces = createTraceStore({ url, username, password, database, maxConnections: config.maxInFlight });
  const receiver = createReceiver({ store: traces, clock, logger, limits: config });
  const lifecycle = new Lifecycle();
  lifecycle.add("store connection", () => traces.stop());
  lifecycle.add("receiver", async () => {
    try {
      await withDeadline(receiver.close(), STOP_TIMEOUT_MS, "finishing the requests in progress");
    } finally {
      receiver.server.closeAllConnections();
    }
  });
  try {
    const url = await receiver.listen({ host: config.host, port: config.port }).catch((error: unknown) => {
      throw portError("collector", config.host, config.port, error);
    });
    return { url, stop: () => lifecycle.stop() };
  } catch (cause) {
    await lifecycle.stop();
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new SignalboxError("E_COLLECTOR_LISTEN", `the collector can't listen on ${config.host}:${config.port} (${reason})`, {
      remedy: "another program may use the port: set collector.port, or stop that program",
      cause,
    });
  }
}

/** Brings the store up to date and returns the names of the migrations that ran. */
export async function migrateStore(store: StoreConfig, clock: Clock, logger: Logger): Promise<string[]> {
  const { url, username, password, database, cluster } = store;
  const client = createStoreClient({ url, username, password, database, cluster, caller: "migrate" });
  try {
    return await migrate({ store: client, folder: MIGRATIONS, replicate: cluster !== undefined, logger, clock });
  } finally {
    await client.close();
  }
}

/** The same, again and again until the store answers. Throws what the store, or the migrations' folder, refuses. */
export async function migrateWhenReachable(store: StoreConfig, clock: Clock, logger: Logger, signal: AbortSignal): Promise<void> {
  for (let waitMs: number = RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
    try {
      await migrateStore(store, clock, logger);
      return;
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      logger.warn({ url: store.url, againInMs: waitMs }, "waiting for the store");
    }
    await sleep(waitMs, undefined, { signal });
  }
}

/** The store did not get to answer: neither it nor our own checks refused anything. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof ClickHouseError) return false;
  if (error instanceof SignalboxError) return error.code === "E_MIGRATION_FAILED" && isUnreachable(error.cause);
  return true;
}
