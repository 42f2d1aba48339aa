import type { Store } from "../../../collector/store/client.ts";
import type { Register } from "./register.ts";

export const naiveTable = "calls_by_time";

/** What a query here reads. The other columns would take space and time to fill, and nothing to query. */
const columns = `ts, producer, seq, trace_id, span_id, parent_span_id, agent, principal, server, tool, method, effect, risk_tier, task_id, task_class, decision, basis,
  policy_ids, reason, mode, would_be, attempts, outcome, error_type, duration_us, proxy_us, upstream_us, result_bytes, handling`;

/** The same calls as somebody would store them who thinks of time alone: no partitions, no indexes, no rollups. */
export async function fillNaive(store: Store, register: Register, onProgress: (calls: number) => void): Promise<void> {
  await store.command(`DROP TABLE IF EXISTS ${naiveTable}`);
  await store.command(`CREATE TABLE ${naiveTable} ENGINE = MergeTree ORDER BY ts SETTINGS old_parts_lifetime = 10 EMPTY AS SELECT ${columns} FROM calls`);
  await store.command(`ALTER TABLE ${naiveTable} ADD COLUMN call_id String ALIAS concat(producer, '-', toString(seq))`);
  const day = 24 * 3600_000;
  for (let fromMs = Math.floor(register.fromMs / day) * day; fromMs < register.toMs; fromMs += day) {
    await store.command(
      `INSERT INTO ${naiveTable} SELECT ${columns} FROM calls
       WHERE ts >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
       SETTINGS max_insert_threads = 2, insert_deduplicate = 0`,
      { from_ms: fromMs, to_ms: fromMs + day },
    );
    onProgress(((Math.min(fromMs + day, register.toMs) - register.fromMs) / (register.toMs - register.fromMs)) * register.calls);
  }
}
