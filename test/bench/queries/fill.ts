import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";

export interface FillPlan {
  readonly calls: number;
  readonly days: number;
  /** Unix milliseconds of the first call. */
  readonly fromMs: number;
}

/** A day at most, so that a piece is in one partition, and no more rows than fit in memory twice. */
const MOST = 1_200_000;
/** Pieces that are inserted at once: each is made by one thread. */
const LANES = 3;
const tables = ["calls", "calls_1m", "calls_1h", "calls_1d", "latency_1m", "latency_1h", "latency_1d", "latency_by_agent_1h"];

const generateSql = loadSql(new URL("./generate.sql", import.meta.url));

/** Makes calls inside the store, by the same tables and views as calls that are sent to it. */
export async function fill(store: Store, plan: FillPlan, onProgress: (calls: number) => void): Promise<void> {
  // Parts that were merged stay on the disk for minutes otherwise, and nothing here must survive a power cut.
  for (const table of tables) await store.command(`ALTER TABLE ${table} MODIFY SETTING old_parts_lifetime = 10, fsync_after_insert = 0, fsync_part_directory = 0`);
  const piece = Math.min(MOST, Math.ceil(plan.calls / plan.days));
  let next = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    while (next < plan.calls) {
      const first = next;
      const count = Math.min(piece, plan.calls - first);
      next += count;
      await store.command(generateSql.text, { first, count, total: plan.calls, start_us: plan.fromMs * 1000, days: plan.days });
      onProgress((done += count));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
