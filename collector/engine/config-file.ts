import type { EngineConfig } from "./config.ts";
import { ALLOWED_ENGINES, DENIED_SETTINGS } from "./denied.ts";

/**
 * No SOURCES, BACKUP, FUNCTION or SYSTEM SHUTDOWN: what is not listed here, nobody can do. And no DICTIONARY: chDB lets one
 * run a command (SOURCE(EXECUTABLE)) without any further grant.
 */
const GRANTS = [
  "SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE TEMPORARY TABLE," +
    " DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, CHECK, SHOW, KILL QUERY, dictGet",
  "SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM MOVES, SYSTEM VIEWS, SYSTEM FLUSH, SYSTEM RELOAD DICTIONARY," +
    " SYSTEM DROP CACHE",
];

/**
 * The engine's own default is a gigabyte a thread, so that under this store's bound every query would run on one core.
 */
const FREE_MEMORY_PER_THREAD = 128 * 1024 * 1024;

/**
 * A row policy, for the engine has one user: whoever may only read is at readonly = 1, which can't be taken back, and gets no
 * row of payloads by any way, be it merge() or a view.
 */
const NO_PAYLOADS = "throwIf(getSetting('readonly') = 1, 'payloads are not for read-only users') = 0";

/**
 * The first of three guards against access to files: the engine's own grants for its one user. It holds for whatever
 * gets past the others, because the engine checks it when a statement runs.
 */
export function usersXml(config: EngineConfig): string {
  const grants = [
    ...GRANTS.map((list) => `GRANT ${list} ON *.*`),
    ...ALLOWED_ENGINES.filter((engine) => engine !== "Atomic").map((engine) => `GRANT TABLE ENGINE ON ${engine}`),
  ];
  return `<clickhouse>
  <profiles><default>
    <max_memory_usage>${config.limits.maxMemoryBytes}</max_memory_usage>
    <max_threads_min_free_memory_per_thread>${FREE_MEMORY_PER_THREAD}</max_threads_min_free_memory_per_thread>
    <async_insert>0</async_insert>
    <implicit_select>0</implicit_select>
    <max_query_size>${config.limits.maxQueryBytes + 4096}</max_query_size>
    <log_queries_cut_to_length>${config.limits.maxQueryBytes * 2}</log_queries_cut_to_length>
    <http_max_tries>1</http_max_tries>
    <allow_introspection_functions>0</allow_introspection_functions>
    <!-- The first merge builds skip indexes, and a part that none has merged is small enough to be read. -->
    <materialize_skip_indexes_on_insert>0</materialize_skip_indexes_on_insert>
    <deduplicate_blocks_in_dependent_materialized_views>1</deduplicate_blocks_in_dependent_materialized_views>
    <constraints>
${DENIED_SETTINGS.map((name) => `      <${name}><const/></${name}>`).join("\n")}
    </constraints>
  </default></profiles>
  <quotas><default/></quotas>
  <users><default>
    <password></password>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants>
${grants.map((grant) => `      <query>${grant}</query>`).join("\n")}
    </grants>
    <databases><${config.database}><payloads><filter>${NO_PAYLOADS}</filter></payloads></${config.database}></databases>
  </default></users>
</clickhouse>
`;
}

const SMALL_CACHE_BYTES = 32 * 1024 * 1024;

/** The server part of the configuration. `usersPath` is the file that holds `usersXml`. */
export function serverXml(config: EngineConfig, usersPath: string): string {
  return `<clickhouse>
  <users_config>${escapeXml(usersPath)}</users_config>
  <max_server_memory_usage>${config.limits.maxServerMemoryBytes}</max_server_memory_usage>
  <mark_cache_size>${config.limits.markCacheBytes}</mark_cache_size>
  <!-- Sized for servers with hundreds of gigabytes otherwise. -->
  <index_mark_cache_size>${config.limits.markCacheBytes}</index_mark_cache_size>
  <compiled_expression_cache_size>${SMALL_CACHE_BYTES}</compiled_expression_cache_size>
  <query_cache><max_size_in_bytes>${SMALL_CACHE_BYTES}</max_size_in_bytes></query_cache>
  <!-- An idle store stays idle: no system log is named here, and one that is not named is off. -->
  <asynchronous_metrics_update_period_s>60</asynchronous_metrics_update_period_s>
  <access_control_improvements>
    <table_engines_require_grant>true</table_engines_require_grant>
  </access_control_improvements>
</clickhouse>
`;
}

function escapeXml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
