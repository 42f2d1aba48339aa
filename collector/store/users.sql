-- Users, roles, limits and quotas of a ClickHouse server, run by `signalbox store users --apply` as an administrator of it, as
-- often as one likes: what is there is brought to what stands here. It is a template of `users.ts`: a placeholder becomes a
-- literal, an `each_` one a statement for every name of its list, and a statement of an account is left out where the
-- configuration names no password hash for it. There is no password that is not configured.

-- Everybody: reads of all shards may join them, and what is acknowledged is on the shards. Without a cluster neither matters.
CREATE SETTINGS PROFILE IF NOT EXISTS signalbox_service;
ALTER SETTINGS PROFILE signalbox_service SETTINGS
    distributed_product_mode = 'global',
    distributed_foreground_insert = 1,
    async_insert = 0,
    deduplicate_blocks_in_dependent_materialized_views = 1,
    max_memory_usage = {max_memory_bytes:UInt64};

-- The collector and the proxies: they append what is recorded, and read none of it. A materialized view runs as whoever made
-- it, so its target needs no grant.
CREATE ROLE IF NOT EXISTS signalbox_writer SETTINGS PROFILE 'signalbox_service';
GRANT INSERT ON {database:Identifier}.{each_recorded:Identifier} TO signalbox_writer;
GRANT SELECT ON {database:Identifier}.{each_consulted:Identifier} TO signalbox_writer;
GRANT SHOW TABLES, SHOW COLUMNS ON {database:Identifier}.* TO signalbox_writer;

-- Analytics, alerts and the console's own pages: they read everything but payloads and append what they conclude.
CREATE ROLE IF NOT EXISTS signalbox_backend SETTINGS PROFILE 'signalbox_service';
GRANT SELECT ON {database:Identifier}.{each_readable:Identifier} TO signalbox_backend;
GRANT INSERT ON {database:Identifier}.{each_concluded:Identifier} TO signalbox_backend;

-- People who ask in SQL. readonly = 2 lets a client choose how results look; the limits can be lowered and not raised.
CREATE SETTINGS PROFILE IF NOT EXISTS signalbox_analyst;
ALTER SETTINGS PROFILE signalbox_analyst SETTINGS
    readonly = 2 CONST,
    allow_ddl = 0 CONST,
    allow_introspection_functions = 0 CONST,
    distributed_product_mode = 'global',
    max_memory_usage = {max_memory_bytes:UInt64} MIN 1 MAX {max_memory_bytes:UInt64},
    max_memory_usage_for_user = {max_user_memory_bytes:UInt64} CONST,
    max_execution_time = {max_execution_time_s:UInt64} MIN 1 MAX {max_execution_time_s:UInt64},
    max_rows_to_read = {max_rows_to_read:UInt64} MIN 1 MAX {max_rows_to_read:UInt64},
    max_result_rows = {max_result_rows:UInt64} MIN 1 MAX {max_result_rows:UInt64},
    max_result_bytes = {max_result_bytes:UInt64} MIN 1 MAX {max_result_bytes:UInt64},
    max_concurrent_queries_for_user = {max_concurrent_queries:UInt64} CONST;
CREATE ROLE IF NOT EXISTS signalbox_analyst SETTINGS PROFILE 'signalbox_analyst';
GRANT SELECT ON {database:Identifier}.{each_readable:Identifier} TO signalbox_analyst;
CREATE QUOTA IF NOT EXISTS signalbox_analyst KEYED BY user_name;
ALTER QUOTA signalbox_analyst
    FOR INTERVAL 1 hour MAX queries = {max_queries_per_hour:UInt64}, read_rows = {max_read_rows_per_hour:UInt64}, execution_time = {max_execution_s_per_hour:UInt64}
    TO signalbox_analyst;

-- Whoever may read arguments and results beside what an analyst may. It exists where tables of payloads do.
CREATE ROLE IF NOT EXISTS {payload_role:Identifier} SETTINGS PROFILE 'signalbox_analyst';
GRANT SELECT ON {database:Identifier}.{each_payload:Identifier} TO {payload_role:Identifier};

-- Migrations, retention, and all rows. It makes no users.
CREATE ROLE IF NOT EXISTS signalbox_admin SETTINGS PROFILE 'signalbox_service';
GRANT SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW, TRUNCATE, OPTIMIZE, SHOW, SYSTEM SYNC REPLICA ON {database:Identifier}.* TO signalbox_admin;
GRANT CLUSTER ON *.* TO signalbox_admin;

CREATE USER IF NOT EXISTS {writer_user:Identifier} IDENTIFIED WITH {writer_hash:PasswordHash};
ALTER USER {writer_user:Identifier} IDENTIFIED WITH {writer_hash:PasswordHash};
GRANT signalbox_writer TO {writer_user:Identifier};
CREATE USER IF NOT EXISTS {backend_user:Identifier} IDENTIFIED WITH {backend_hash:PasswordHash};
ALTER USER {backend_user:Identifier} IDENTIFIED WITH {backend_hash:PasswordHash};
GRANT signalbox_backend TO {backend_user:Identifier};
CREATE USER IF NOT EXISTS {analyst_user:Identifier} IDENTIFIED WITH {analyst_hash:PasswordHash};
ALTER USER {analyst_user:Identifier} IDENTIFIED WITH {analyst_hash:PasswordHash};
GRANT signalbox_analyst TO {analyst_user:Identifier};
CREATE USER IF NOT EXISTS {payload_reader_user:Identifier} IDENTIFIED WITH {payload_reader_hash:PasswordHash};
ALTER USER {payload_reader_user:Identifier} IDENTIFIED WITH {payload_reader_hash:PasswordHash};
GRANT signalbox_analyst, {payload_role:Identifier} TO {payload_reader_user:Identifier};
CREATE USER IF NOT EXISTS {admin_user:Identifier} IDENTIFIED WITH {admin_hash:PasswordHash};
ALTER USER {admin_user:Identifier} IDENTIFIED WITH {admin_hash:PasswordHash};
GRANT signalbox_admin TO {admin_user:Identifier};
