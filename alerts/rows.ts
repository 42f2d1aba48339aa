import type { Store } from "../collector/store/client.ts";
import { loadSql, type SqlParams } from "../collector/store/sql-file.ts";

export type { Store };

/** The rows of one of this folder's queries. 64-bit integers arrive as strings. */
export function select<T>(store: Store, name: string, params: SqlParams): Promise<T[]> {
  return store.query<T>(loadSql(new URL(`./queries/${name}.sql`, import.meta.url)), params);
}

export function append(store: Store, table: "alert_events" | "notification_events" | "incident_events", rows: readonly object[]): Promise<void> {
  return store.insert(table, rows);
}
