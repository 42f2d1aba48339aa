import { loadSql } from "../../collector/store/sql-file.ts";
import type { Store } from "../../collector/store/client.ts";

/** Something that was changed on purpose, and may be why a number moved. */
export interface Change {
  atMs: number;
  what: string;
}

const changesSql = loadSql(new URL("./changes.sql", import.meta.url));

const hourMs = 3_600_000;

/** Versions of policy, registry and server that calls first met in the window or the hour before, and the control plane's own events. */
export async function readChanges(store: Store, range: { server: string; windowStartMs: number; windowEndMs: number }): Promise<Change[]> {
  const rows = await store.query<{ at_ms: string; what: string }>(changesSql, {
    before_from_ms: range.windowStartMs - 2 * hourMs,
    near_from_ms: range.windowStartMs - hourMs,
    window_end_ms: range.windowEndMs,
    server: range.server,
  });
  return rows.map((row) => ({ atMs: Number(row.at_ms), what: row.what }));
}

export function changesText(changes: readonly Change[]): string {
  if (changes.length === 0) return " Nothing was changed near it.";
  const each = changes.map(({ atMs, what }) => `${new Date(atMs).toISOString().slice(11, 16)} ${what}`);
  return ` Changed near it (UTC): ${each.join("; ")}.`;
}
