import { ClickHouseLogLevel, createClient, type ClickHouseClient, type ClickHouseSettings } from "@clickhouse/client";
import { bindParams, parseSql, type SqlFile, type SqlParams } from "./sql-file.ts";

/**
 * The store, whichever it is: the embedded one or a ClickHouse server.
 *
 * Rows are objects by column name. Values that JavaScript's numbers cannot hold for certain are strings: (U)Int64 and
 * wider are ALWAYS strings (`count()` too: write `toUInt32(count())` where a number is wanted), and a DateTime or
 * DateTime64 is ISO 8601 in UTC with its whole fraction, `2026-01-02T03:04:05.123456789Z`. Inserted times may be that
 * or `YYYY-MM-DD hh:mm:ss.fraction`. As a parameter pass a Date or a string without the `T` and the `Z`.
 *
 * Every method rejects with @clickhouse/client's ClickHouseError (`code` as text, `type`) for what the store refused,
 * and with its own errors for what did not reach it.
 */
export interface Store {
  /** All rows of a query. Rejects with E_SQL_PARAM where the parameters are not exactly the file's. */
  query<T>(sql: SqlFile | string, params?: SqlParams): Promise<T[]>;
  /** The same, in batches as they arrive. Leaving the loop early stops the query. */
  stream<T>(sql: SqlFile | string, params?: SqlParams): AsyncIterable<T[]>;
  /**
   * Inserts rows and waits until they are stored, in dependent views too. Repeating it with the same
   * `deduplicationToken` stores nothing twice, as long as the table's deduplication window remembers the token; it may
   * be repeated whenever the outcome is unknown. No rows is not an error.
   */
  insert(table: string, rows: readonly object[], options?: InsertOptions): Promise<void>;
  /** A statement without a result. Parameters that the statement does not name are refused here as well. */
  command(sql: string, params?: SqlParams): Promise<void>;
  ping(): Promise<boolean>;
  /** Creates the configured database where it is missing, on all nodes of a cluster where one is named. */
  ensureDatabase(cluster?: string): Promise<void>;
  close(): Promise<void>;
}

export interface InsertOptions {
  deduplicationToken?: string;
  /** The columns that the rows have, where that is not all of the table's. */
  columns?: [string, ...string[]];
  signal?: AbortSignal;
}

export interface StoreClientOptions {
  url: string;
  username?: string;
  password?: string;
  database?: string;
  requestTimeoutMs?: number;
  /** Which part of the program asks; it is sent with each query as `log_comment`. */
  caller: string;
}

const SETTINGS: ClickHouseSettings = {
  output_format_json_quote_64bit_integers: 1,
  date_time_output_format: "iso",
};

export function createStoreClient(options: StoreClientOptions): Store {
  const { url, username = "default", password = "", database = "signalbox", caller, requestTimeoutMs = 60_000 } = options;
  const connect = (name: string): ClickHouseClient =>
    createClient({
      url,
      username,
      password,
      database: name,
      request_timeout: requestTimeoutMs,
      application: "signalbox",
      clickhouse_settings: SETTINGS,
      // Failures reach the caller as errors; a second copy on standard output would only be noise.
      log: { level: ClickHouseLogLevel.OFF },
    });
  const client = connect(database);
  const tag = (name?: string): ClickHouseSettings => ({ log_comment: name ? `${caller}/${name}` : caller });
  const prepare = (sql: SqlFile | string, params: SqlParams) => {
    const file = typeof sql === "string" ? parseSql("query", sql) : sql;
    return {
      query: file.text,
      query_params: bindParams(file, params),
      clickhouse_settings: tag(typeof sql === "string" ? undefined : file.name),
    };
  };

  return {
    async query<T>(sql: SqlFile | string, params: SqlParams = {}) {
      const result = await client.query({ ...prepare(sql, params), format: "JSONEachRow" });
      return await result.json<T>();
    },

    async *stream<T>(sql: SqlFile | string, params: SqlParams = {}) {
      const abort = new AbortController();
      const prepared = prepare(sql, params);
      const result = await client.query({ ...prepared, format: "JSONEachRow", abort_signal: abort.signal });
      let ended = false;
      try {
        for await (const rows of result.stream<T>()) yield rows.map((row) => row.json());
        ended = true;
      } finally {
        if (!ended) {
          result.close();
          abort.abort();
        }
      }
    },

    async insert(table, rows, { deduplicationToken, columns, signal } = {}) {
      if (rows.length === 0) return;
      await client.insert({
        table,
        values: rows,
        format: "JSONEachRow",
        ...(columns ? { columns } : {}),
        ...(signal ? { abort_signal: signal } : {}),
        clickhouse_settings: {
          ...tag(),
          date_time_input_format: "best_effort",
          async_insert: 0,
          // On a cluster: what is acknowledged is on the shards, and not queued on the node that was asked.
          distributed_foreground_insert: 1,
          deduplicate_blocks_in_dependent_materialized_views: 1,
          ...(deduplicationToken === undefined ? {} : { insert_deduplication_token: deduplicationToken }),
        },
      });
    },

    async command(sql, params = {}) {
      const file = parseSql("command", sql);
      await client.command({ query: file.text, query_params: bindParams(file, params), clickhouse_settings: tag() });
    },

    ping: async () => (await client.ping()).success,

    async ensureDatabase(cluster) {
      const outside = connect("default");
      try {
        await outside.command({
          // The parser takes no parameter for a cluster; its name has been checked to be one.
          query: `CREATE DATABASE IF NOT EXISTS {database:Identifier}${cluster === undefined ? "" : ` ON CLUSTER ${cluster}`}`,
          query_params: { database },
          clickhouse_settings: tag(),
        });
      } finally {
        await outside.close();
      }
    },

    close: () => client.close(),
  };
}
