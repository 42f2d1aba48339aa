import type { Store } from "../../../collector/store/client.ts";

/** What is in the store. */
export interface Register {
  readonly calls: number;
  readonly fromMs: number;
  readonly toMs: number;
}

export async function readRegister(store: Store): Promise<Register> {
  const [row] = await store.query<{ calls: string; from: string; to: string }>(
    "SELECT count() AS calls, toUnixTimestamp64Milli(toDateTime64(min(ts), 3, 'UTC')) AS from, toUnixTimestamp64Milli(toDateTime64(max(ts), 3, 'UTC')) + 1 AS to FROM calls",
  );
  return { calls: Number(row!.calls), fromMs: Number(row!.from), toMs: Number(row!.to) };
}

/** Ids that are there, from all over the register. */
export async function sampleIds(store: Store, register: Register, count: number): Promise<{ trace: string; task: string; agent: string }[]> {
  const ids = [];
  for (let i = 0; i < count; i++) {
    const at = register.fromMs + ((i + 0.5) / count) * (register.toMs - register.fromMs);
    const [row] = await store.query<{ trace: string; task: string; agent: string }>(
      `SELECT trace_id AS trace, task_id AS task, toString(agent) AS agent FROM calls
       WHERE ts >= fromUnixTimestamp64Milli({at:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({at:Int64}, 'UTC') + INTERVAL 2 HOUR
       ORDER BY cityHash64(seq) LIMIT 1`,
      { at: Math.floor(Math.min(at, register.toMs - 2 * 3600_000)) },
    );
    if (row) ids.push(row);
  }
  return ids;
}

export interface Size {
  readonly table: string;
  readonly rows: number;
  readonly bytes: number;
  readonly bytesPerCall: number;
}

/** Bytes on disk of each table, and of each skip index of `calls`. */
export async function readSizes(store: Store, calls: number): Promise<Size[]> {
  const rows = await store.query<{ name: string; n: string; b: string }>(
    `SELECT table AS name, sum(rows) AS n, sum(bytes_on_disk) AS b FROM system.parts
     WHERE database = currentDatabase() AND active AND (table LIKE 'calls%' OR table LIKE 'latency%') GROUP BY name
     UNION ALL
     SELECT concat('of calls: ', name) AS name, toUInt64(0) AS n, data_compressed_bytes AS b FROM system.data_skipping_indices WHERE database = currentDatabase() AND table = 'calls'
     UNION ALL
     SELECT concat('of calls: ', name) AS name, sum(rows) AS n, sum(bytes_on_disk) AS b FROM system.projection_parts WHERE database = currentDatabase() AND table = 'calls' AND active GROUP BY name
     ORDER BY startsWith(name, 'of'), b DESC`,
  );
  return rows.map(({ name, n, b }) => ({ table: name, rows: Number(n), bytes: Number(b), bytesPerCall: Number(b) / calls }));
}
