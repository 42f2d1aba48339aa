CREATE TABLE IF NOT EXISTS calls_1h_local ON CLUSTER main (
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
SETTINGS replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
CREATE TABLE IF NOT EXISTS calls_1h ON CLUSTER main AS calls_1h_local ENGINE = Distributed(main, signalbox, calls_1h_local)

CREATE TABLE IF NOT EXISTS calls_1d_local ON CLUSTER main (
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
SETTINGS replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
CREATE TABLE IF NOT EXISTS calls_1d ON CLUSTER main AS calls_1d_local ENGINE = Distributed(main, signalbox, calls_1d_local)

CREATE TABLE IF NOT EXISTS latency_1h_local ON CLUSTER main (
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
SETTINGS index_granularity = 1024, replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
CREATE TABLE IF NOT EXISTS latency_1h ON CLUSTER main AS latency_1h_local ENGINE = Distributed(main, signalbox, latency_1h_local)

CREATE TABLE IF NOT EXISTS latency_1d_local ON CLUSTER main (
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
SETTINGS index_granularity = 1024, replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
CREATE TABLE IF NOT EXISTS latency_1d ON CLUSTER main AS latency_1d_local ENGINE = Distributed(main, signalbox, latency_1d_local)

CREATE TABLE IF NOT EXISTS latency_by_agent_1h_local ON CLUSTER main (
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
SETTINGS index_granularity = 1024, replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
CREATE TABLE IF NOT EXISTS latency_by_agent_1h ON CLUSTER main AS latency_by_agent_1h_local ENGINE = Distributed(main, signalbox, latency_by_agent_1h_local)

DROP VIEW IF EXISTS calls_1h_mv ON CLUSTER main

DROP VIEW IF EXISTS calls_1d_mv ON CLUSTER main

DROP VIEW IF EXISTS latency_1h_mv ON CLUSTER main

DROP VIEW IF EXISTS latency_1d_mv ON CLUSTER main

DROP VIEW IF EXISTS latency_by_agent_1h_mv ON CLUSTER main

TRUNCATE TABLE calls_1h_local ON CLUSTER main

INSERT INTO calls_1h_local

TRUNCATE TABLE calls_1d_local ON CLUSTER main

INSERT INTO calls_1d_local

TRUNCATE TABLE latency_1h_local ON CLUSTER main

INSERT INTO latency_1h_local

TRUNCATE TABLE latency_1d_local ON CLUSTER main

INSERT INTO latency_1d_local

TRUNCATE TABLE latency_by_agent_1h_local ON CLUSTER main

INSERT INTO latency_by_agent_1h_local

CREATE MATERIALIZED VIEW IF NOT EXISTS calls_1h_mv ON CLUSTER main TO calls_1h_local AS
FROM calls_1m_local AS m

CREATE MATERIALIZED VIEW IF NOT EXISTS calls_1d_mv ON CLUSTER main TO calls_1d_local AS
FROM calls_1h_local AS h

CREATE MATERIALIZED VIEW IF NOT EXISTS latency_1h_mv ON CLUSTER main TO latency_1h_local AS
FROM latency_1m_local AS m

CREATE MATERIALIZED VIEW IF NOT EXISTS latency_1d_mv ON CLUSTER main TO latency_1d_local AS
FROM latency_1h_local AS h

CREATE MATERIALIZED VIEW IF NOT EXISTS latency_by_agent_1h_mv ON CLUSTER main TO latency_by_agent_1h_local AS
FROM calls_local AS c

CREATE OR REPLACE VIEW calls_between ON CLUSTER main AS

CREATE OR REPLACE VIEW latency_between ON CLUSTER main AS
