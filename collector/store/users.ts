import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { EngineLimits } from "../engine/config.ts";
import { tokenize } from "../engine/tokens.ts";
import { SignalboxError } from "../kernel/errors.ts";
import { ROLES, type Accounts, type Role } from "./accounts.ts";
import { SHARDED, storedIn, type Cluster } from "./cluster.ts";
import type { Migration } from "./migrate.ts";
import { placeholders, splitStatements } from "./sql-file.ts";

const TEMPLATE = new URL("./users.sql", import.meta.url);

/** What the collector and the proxies append. */
const RECORDED = ["otel_traces", "registry_servers", "policy_versions", "control_events", "audit_checkpoints", "audit_anchors", "payloads", "dropped_payloads"];
/** What they read: whether the store is up to date. */
const CONSULTED = ["schema_migrations", "retention_changes", "retention_horizons"];
/** What analytics, alerts and reports append. */
const CONCLUDED = ["baselines", "findings", "job_runs", "metric_values", "alert_events", "notification_events", "incident_events", "audit_completeness", "sequence_counts", "sequence_blocks", "sequence_models", "sequence_transitions", "sequence_scores"];

export type PasswordHash = { readonly method: "sha256_hash" | "bcrypt_hash"; readonly hash: string };

export interface UsersOptions {
  readonly accounts: Accounts;
  /** Only for these are users made. */
  readonly hashes: Readonly<Partial<Record<Role, PasswordHash>>>;
  readonly limits: EngineLimits;
  readonly database: string;
  readonly cluster: Cluster | null;
  /** Every table and view of the migrations, by its public name. */
  readonly tables: readonly string[];
}

type Value = string | number | readonly string[] | PasswordHash;

/** The template's statements with everything filled in. Nothing is read or run here. */
export function usersStatements(options: UsersOptions): string[] {
  const values = valuesOf(options);
  return splitStatements(readFileSync(TEMPLATE, "utf8")).flatMap((statement) => fill(withCluster(statement, options.cluster), values));
}

/** Tables and views that the migrations make, and that are still there after the last of them. */
export function tablesOf(migrations: readonly Migration[]): string[] {
  const names = new Set<string>();
  for (const { text } of migrations) {
    for (const [, verb, name] of text.matchAll(/^(CREATE|DROP)\b(?: OR REPLACE)? (?:TABLE|VIEW)(?: IF (?:NOT )?EXISTS)? (\w+)/gm)) {
      if (verb === "CREATE") names.add(name!);
      else names.delete(name!);
    }
  }
  return [...names, "schema_migrations"].sort();
}

/** A SHA-256 in hexadecimal or a bcrypt hash, as the text is. Its value is in no message. */
export function parseHash(text: string, where: string): PasswordHash {
  const hash = text.trim();
  if (/^[0-9a-f]{64}$/i.test(hash)) return { method: "sha256_hash", hash: hash.toLowerCase() };
  if (/^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(hash)) return { method: "bcrypt_hash", hash };
  throw new SignalboxError("E_STORE_HASH", `${where} holds neither a SHA-256 in hexadecimal nor a bcrypt hash.`, {
    remedy: "printf %s \"$PASSWORD\" | sha256sum | cut -c1-64, or htpasswd -bnBC 12 '' \"$PASSWORD\" | tr -d ':\\n'",
  });
}

/** The configured hashes. Throws E_STORE_HASH for one that is named and not there. */
export async function readHashes(accounts: Accounts, env: Readonly<Record<string, string | undefined>>, baseDir: string): Promise<Partial<Record<Role, PasswordHash>>> {
  const found: Partial<Record<Role, PasswordHash>> = {};
  for (const role of ROLES) {
    const { hashEnv, hashFile } = accounts[role];
    const where = hashEnv ? `the environment variable ${hashEnv} (store.accounts.${role})` : `${hashFile} (store.accounts.${role})`;
    if (hashEnv !== undefined) found[role] = parseHash(env[hashEnv] ?? "", where);
    if (hashFile !== undefined) found[role] = parseHash(await readText(resolve(baseDir, hashFile), where), where);
  }
  return found;
}

/** For print: what runs is told by where a hash comes from, and never by the hash. */
export function masked(statement: string): string {
  return statement.replace(/(IDENTIFIED WITH \w+ BY )'[^']*'/g, "$1'<hidden>'");
}

async function readText(path: string, where: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new SignalboxError("E_STORE_HASH", `Could not read ${where}.`, { cause });
  }
}

function valuesOf({ accounts, hashes, limits, database, cluster, tables }: UsersOptions): Map<string, Value> {
  const payload = tables.filter((table) => /^payload/.test(table));
  const readable = tables.filter((table) => !payload.includes(table) && !table.endsWith("_mv"));
  const { readonly } = limits;
  const values = new Map<string, Value>([
    ["database", database],
    ["each_recorded", nodeTables(RECORDED, cluster)],
    ["each_consulted", nodeTables(CONSULTED, cluster)],
    ["each_concluded", nodeTables(CONCLUDED, cluster)],
    ["each_readable", nodeTables(readable, cluster)],
    ["max_memory_bytes", readonly.maxMemoryBytes],
    ["max_execution_time_s", Math.ceil(readonly.maxExecutionTimeS)],
    ["max_rows_to_read", readonly.maxRowsToRead],
    ["max_result_rows", readonly.maxResultRows],
    ["max_result_bytes", readonly.maxResultBytes],
    ["max_user_memory_bytes", accounts.analystQuota.userMemoryBytes],
    ["max_concurrent_queries", accounts.analystQuota.concurrentQueries],
    ["max_queries_per_hour", accounts.analystQuota.queriesPerHour],
    ["max_read_rows_per_hour", accounts.analystQuota.readRowsPerHour],
    ["max_execution_s_per_hour", accounts.analystQuota.executionSecondsPerHour],
  ]);
  if (payload.length > 0) values.set("each_payload", nodeTables(payload, cluster)).set("payload_role", "signalbox_payload_reader");
  for (const role of ROLES) {
    const hash = hashes[role];
    if (!hash || (role === "payload_reader" && payload.length === 0)) continue;
    values.set(`${role}_user`, accounts[role].user).set(`${role}_hash`, hash);
  }
  return values;
}

/** A query of a Distributed table runs on each shard as the one who asked, in the shard's own table. */
function nodeTables(tables: readonly string[], cluster: Cluster | null): string[] {
  return tables.flatMap((table) => (cluster && SHARDED.includes(table) ? [table, storedIn(table, cluster)] : [table]));
}

/** Behind the name of what is created or altered; behind the verb of a grant. */
function withCluster(statement: string, cluster: Cluster | null): string {
  if (!cluster) return statement;
  const clause = ` ON CLUSTER ${cluster.name}`;
  if (statement.startsWith("GRANT ")) return statement.replace(/^GRANT/, `GRANT${clause}`);
  return statement.replace(/^((?:CREATE|ALTER) (?:SETTINGS PROFILE|ROLE|QUOTA|USER)(?: IF NOT EXISTS)? (?:\{[^}]*\}|\w+))/, `$1${clause}`);
}

/** None where a value is missing that the statement is of, one for each name of a list, else one. */
function fill(statement: string, values: ReadonlyMap<string, Value>): string[] {
  const names = [...placeholders("users.sql", statement).keys()];
  if (names.some((name) => !values.has(name))) return isOptional(names) ? [] : missing(names, values);
  const list = names.find((name) => Array.isArray(values.get(name)));
  if (list === undefined) return [substitute(statement, values)];
  return (values.get(list) as readonly string[]).map((one) => substitute(statement, new Map([...values, [list, one]])));
}

const isOptional = (names: readonly string[]): boolean => names.some((name) => name.endsWith("_hash") || name.endsWith("_user") || name === "payload_role");

function missing(names: readonly string[], values: ReadonlyMap<string, Value>): never {
  throw new SignalboxError("E_SQL_PARAM", `users.sql: no value for ${names.filter((name) => !values.has(name)).join(", ")}`);
}

function substitute(statement: string, values: ReadonlyMap<string, Value>): string {
  const tokens = tokenize(statement);
  let out = statement;
  for (const [i, open] of [...tokens.entries()].reverse()) {
    if (open.text !== "{") continue;
    const name = tokens[i + 1];
    const close = tokens.slice(i).find((token) => token.text === "}");
    if (!name || !close) continue;
    out = out.slice(0, open.start) + literal(values.get(statement.slice(name.start, name.end)) as Value) + out.slice(close.end);
  }
  return out;
}

/** Names and hashes have been checked to hold nothing that ends a literal. */
function literal(value: Value): string {
  if (typeof value === "object" && "hash" in value) return `${value.method} BY '${value.hash}'`;
  return String(value);
}
