import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { bindParams, parseSql } from "../../../collector/store/sql-file.ts";

/** What a store has read since it was last asked. */
export interface Meter {
  take(): { rows: number; bytes: number };
}

export type MeteredStore = Store & Meter;

/** A store whose queries say how much they read. Only a format that is sent when the query has ended can: the others are streamed. */
export function createMeteredStore(url: string): MeteredStore {
  const store = createStoreClient({ url, caller: "bench", requestTimeoutMs: 3600_000 });
  const client = createClient({ url, database: "signalbox", request_timeout: 3600_000, log: { level: ClickHouseLogLevel.OFF }, clickhouse_settings: { output_format_json_quote_64bit_integers: 1, date_time_output_format: "iso" } });
  let read = { rows: 0, bytes: 0 };
  const query = async <T>(sql: Parameters<Store["query"]>[0], params: Parameters<Store["query"]>[1] = {}): Promise<T[]> => {
    const file = typeof sql === "string" ? parseSql("query", sql) : sql;
    const result = await client.query({ query: file.text, query_params: bindParams(file, params), format: "JSON" });
    const { data, statistics } = await result.json<T>();
    read = { rows: read.rows + (statistics?.rows_read ?? 0), bytes: read.bytes + (statistics?.bytes_read ?? 0) };
    return data;
  };
  return {
    ...store,
    query,
    async *stream<T>(sql: Parameters<Store["stream"]>[0], params: Parameters<Store["stream"]>[1] = {}) {
      yield await query<T>(sql, params);
    },
    async close() {
      await Promise.all([client.close(), store.close()]);
    },
    take() {
      const taken = read;
      read = { rows: 0, bytes: 0 };
      return taken;
    },
  };
}
