import type { Store } from "../../collector/store/client.ts";
import type { SqlFile, SqlParams } from "../../collector/store/sql-file.ts";
import type { Contributor } from "./finding.ts";

/** Contributors whose shares the engine computed: the query returns a contributor's own columns. */
export async function readShares(store: Store, sql: SqlFile, params: SqlParams): Promise<Contributor[]> {
  const rows = await store.query<{ dimension: string; value: string; window_share: number; baseline_share: number; excess_share: number }>(sql, params);
  return rows.map((row) => ({
    dimension: row.dimension,
    value: row.value,
    windowShare: row.window_share,
    baselineShare: row.baseline_share,
    excessShare: row.excess_share,
  }));
}
