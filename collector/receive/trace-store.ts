import { Readable } from "node:stream";
import { ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import type { Stoppable } from "../kernel/lifecycle.ts";
import type { TraceBlock } from "./trace-block.ts";

/** Where the receiver puts its rows. `insert` resolves when the store has acknowledged all of them, or none (rejects). */
export interface TraceStore {
  insert(block: TraceBlock, token: string): Promise<void>;
  /** Why inserts can't succeed at the moment, or undefined when they can. */
  problem(): Promise<string | undefined>;
}

export interface TraceStoreOptions {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  /** As many inserts as requests may be in progress. */
  readonly maxConnections: number;
}

/** An insert that takes longer counts as failed; its sender repeats it, and the token tells whether it had succeeded. */
const INSERT_TIMEOUT_MS = 60_000;

/**
 * One insert a request, in the engine's columnar format. The token makes a repeated request harmless in the spans, in
 * `calls` and in the rollups that are chained behind it; buffering in the engine (`async_insert`) would acknowledge rows
 * that are not stored yet.
 */
export function createTraceStore(options: TraceStoreOptions): TraceStore & Stoppable {
  const { url, username, password, database, maxConnections } = options;
  const client = createClient({
    url,
    username,
    password,
    database,
    request_timeout: INSERT_TIMEOUT_MS,
    max_open_connections: maxConnections + 1,
    application: "signalbox",
    clickhouse_settings: { log_comment: "collector" },
    // Failures reach the caller as errors; a second copy on standard output would only be noise.
    log: { level: ClickHouseLogLevel.OFF },
  });
  return {
    async insert(block, token) {
      const { stream, summary } = await client.exec({
        query: "INSERT INTO otel_traces FORMAT Native",
        values: Readable.from(block.native()),
        clickhouse_settings: {
          async_insert: 0,
          insert_deduplicate: 1,
          insert_deduplication_token: token,
          deduplicate_blocks_in_dependent_materialized_views: 1,
          // On a cluster: acknowledged means stored on the shards, and not queued on the node that was asked.
          distributed_foreground_insert: 1,
          // The views that fill the rollups have grouped their rows already.
          optimize_on_insert: 0,
        },
      });
      stream.resume();
      // A repeated block counts as written too, so nothing written means that a store accepted the request and ignored it.
      if (summary?.written_rows === "0") throw new Error("the store acknowledged an insert that it did not do");
    },
    async problem() {
      try {
        // The last table of the migrations' chain for spans: it is missing until they have all run.
        const result = await client.query({ query: "EXISTS latency_1m_mv", format: "JSONEachRow" });
        const [row] = await result.json<{ result: number }>();
        return row?.result === 1 ? undefined : "the store's migrations have not run";
      } catch (error) {
        return describeStoreError(error);
      }
    },
    stop: () => client.close(),
  };
}

/** A code for a store's own errors, the system's word for a connection that failed; no addresses, no SQL. */
export function describeStoreError(error: unknown): string {
  if (error instanceof ClickHouseError) return `the store answered ${error.type ?? "an error"} (code ${error.code})`;
  const code = (error as NodeJS.ErrnoException).code;
  return code === undefined ? "the store did not answer" : `the store did not answer (${code})`;
}
