import { SignalboxError } from "../kernel/errors.ts";

/**
 * A migration's statement as a cluster needs it: tables that Keeper replicates, and the deduplication window that
 * replicated tables have, which is one for all replicas. In a database of the engine Replicated the path and the name of
 * the replica are the server's own.
 */
export function replicated(statement: string): string {
  return statement
    .replace(/\bENGINE\s*=\s*((?:[A-Z][a-z]+)?MergeTree)\b/g, "ENGINE = Replicated$1")
    .replace(/\bnon_replicated_deduplication_window\b/g, "replicated_deduplication_window");
}

/**
 * The database whose tables all servers of the cluster have, those too that join later. Its path in Keeper is text that
 * takes no parameter, so the name has to be one that needs no escape, which the configuration's schema sees to as well.
 */
export function replicatedDatabase(database: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(database)) throw new SignalboxError("E_STORE_DATABASE", `${database} is no name for a replicated database`, { remedy: "use letters, digits and underscores" });
  return `CREATE DATABASE IF NOT EXISTS {database:Identifier} ON CLUSTER {cluster:Identifier} ENGINE = Replicated('/clickhouse/databases/${database}', '{shard}', '{replica}')`;
}
