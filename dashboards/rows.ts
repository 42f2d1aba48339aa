import type { Store } from "../collector/store/client.ts";
import { loadSql, type SqlParams } from "../collector/store/sql-file.ts";

export type { Store };

/** The rows of one of this folder's queries. */
export function select<T>(store: Store, name: string, params: SqlParams): Promise<T[]> {
  return store.query<T>(loadSql(new URL(`./queries/${name}.sql`, import.meta.url)), params);
}

/** A number out of a row: 64-bit integers arrive as text, and an aggregate over nothing as null. */
export function num(value: unknown): number {
  const n = Number(value ?? 0);
  return Number.isFinite(n) ? n : 0;
}
