import { loadSql, type SqlFile, type SqlParams } from "../../../collector/store/sql-file.ts";

/** A name that agents asked the proxy for and the registry does not have. */
export interface UnknownServer {
  readonly server: string;
  readonly calls: number;
  /** At most ten; `agentCount` has the number of all. */
  readonly agents: readonly string[];
  readonly agentCount: number;
  readonly lastSeenMs: number;
}

export interface QueryStore {
  query<T>(sql: SqlFile, params: SqlParams): Promise<T[]>;
}

/** What traffic shows and the registry lacks, most asked for first. Rejects where the store does not answer. */
export async function unknownServers(store: QueryStore, sinceMs: number, registered: ReadonlySet<string>): Promise<UnknownServer[]> {
  interface Row {
    server: string;
    calls: number;
    agents: string[];
    agent_count: number;
    last_seen_ms: number;
  }
  const rows = await store.query<Row>(loadSql(new URL("./unknown-servers.sql", import.meta.url)), { since_ms: sinceMs });
  return rows
    .filter((row) => !registered.has(row.server))
    .map((row) => ({ server: row.server, calls: row.calls, agents: row.agents, agentCount: row.agent_count, lastSeenMs: row.last_seen_ms }));
}
