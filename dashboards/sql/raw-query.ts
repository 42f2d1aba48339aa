import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import type { Stoppable } from "../../collector/kernel/lifecycle.ts";

export interface RawQueryRequest {
  readonly statement: string;
  readonly params: Readonly<Record<string, string | number>>;
  readonly queryId: string;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly signal: AbortSignal;
}

/** Runs what a person wrote. Lines of JSON: names, types, then a row each. Aborting closes the connection, which ends the query. */
export interface RawQuery extends Stoppable {
  run(request: RawQueryRequest): AsyncIterable<string>;
}

/** As the read-only user, over connections of its own: a console query never waits behind a page's, or the other way round. */
export function createRawQuery(options: { url: string; username: string; password: string; database: string; maxConcurrent: number; timeoutMs: number }): RawQuery {
  const client = createClient({
    url: options.url,
    username: options.username,
    password: options.password,
    database: options.database,
    application: "signalbox-console",
    max_open_connections: options.maxConcurrent + 1,
    request_timeout: options.timeoutMs,
    log: { level: ClickHouseLogLevel.OFF },
  });
  let stopping: Promise<void> | undefined;
  return {
    async *run({ statement, params, queryId, settings, signal }) {
      const result = await client.query({
        query: statement,
        format: "JSONCompactEachRowWithNamesAndTypes",
        query_params: { ...params },
        query_id: queryId,
        abort_signal: signal,
        clickhouse_settings: {
          ...settings,
          log_comment: `console/${queryId}`,
          output_format_json_quote_64bit_integers: 1,
          date_time_output_format: "iso",
        },
      });
      let ended = false;
      try {
        for await (const rows of result.stream()) for (const row of rows) yield row.text;
        ended = true;
      } finally {
        if (!ended) result.close();
      }
    },
    stop: () => (stopping ??= client.close()),
  };
}
