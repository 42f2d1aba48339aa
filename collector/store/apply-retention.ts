import type { Logger } from "../kernel/log.ts";
import type { Store } from "./client.ts";
import { onCluster, storedIn, type Cluster } from "./cluster.ts";
import { rulesOf, ttlIn, type Retention, type Rule } from "./retention.ts";
import { loadSql } from "./sql-file.ts";

const tablesSql = loadSql(new URL("./retention-tables.sql", import.meta.url));
const horizonsSql = loadSql(new URL("./retention-horizons.sql", import.meta.url));

export interface RetentionOptions {
  readonly store: Store;
  readonly retention: Retention;
  readonly cluster: Cluster | null;
}

/** A rule and how the store stands to it. */
export interface RetentionState extends Rule {
  /** The rule that the store has. Undefined where it does not have the table. */
  readonly current: string | null | undefined;
  readonly inForce: boolean;
  /** From when on the table must have all of its rows; null before any rule was in force. */
  readonly completeFrom: string | null;
}

export async function readRetention({ store, retention, cluster }: RetentionOptions): Promise<RetentionState[]> {
  const rules = rulesOf(retention);
  const rows = await store.query<{ name: string; engine_full: string }>(tablesSql, { tables: rules.map((rule) => storedIn(rule.table, cluster)) });
  const found = new Map(rows.map((row) => [row.name, ttlIn(row.engine_full)]));
  const horizons = new Map((await readHorizons(store)).map((row) => [row.table_name, row.horizon]));
  return rules.map((rule) => {
    const current = found.get(storedIn(rule.table, cluster));
    return { ...rule, current, inForce: current !== undefined && sameText(current) === sameText(rule.ttl), completeFrom: horizons.get(rule.table) ?? null };
  });
}

export function readHorizons(store: Store): Promise<{ table_name: string; horizon: string }[]> {
  return store.query(horizonsSql);
}

/**
 * Makes the configured rules the store's, where they are not, and returns the tables that were changed. A change is noted
 * before it is made: what it removes must not look lost. May be called again.
 */
export async function applyRetention(options: RetentionOptions & { readonly logger: Logger }): Promise<string[]> {
  const { store, cluster, logger } = options;
  const todo = (await readRetention(options)).filter((state) => state.current !== undefined && !state.inForce);
  for (const { table, kept, ttl } of todo) {
    try {
      await store.insert("retention_changes", kept.map(({ tier, days }) => ({ table_name: table, tier, days })), { columns: ["table_name", "tier", "days"] });
      await store.command(`ALTER TABLE ${storedIn(table, cluster)}${onCluster(cluster)} ${ttl === null ? "REMOVE TTL" : `MODIFY TTL ${ttl}`}`);
    } catch (error) {
      // 497 is ACCESS_DENIED: a collector's user writes spans and alters nothing.
      if ((error as { code?: string }).code !== "497") throw error;
      logger.warn({ table }, "how long rows are kept is not as configured, and this user may not change it: run `signalbox migrate` as one who may");
      return [];
    }
    logger.info({ table, ttl }, "retention changed");
  }
  return todo.map(({ table }) => table);
}

/** The engine sets brackets and quotes as it likes. */
function sameText(ttl: string | null): string | null {
  return ttl === null ? null : ttl.replace(/[\s`()]/g, "");
}
