CREATE TABLE IF NOT EXISTS calls_1m_local ON CLUSTER main (
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
SETTINGS replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
CREATE TABLE IF NOT EXISTS calls_1m ON CLUSTER main AS calls_1m_local ENGINE = Distributed(main, signalbox, calls_1m_local)

CREATE MATERIALIZED VIEW IF NOT EXISTS calls_1m_mv ON CLUSTER main TO calls_1m_local AS
FROM calls_local AS c

CREATE TABLE IF NOT EXISTS latency_1m_local ON CLUSTER main (
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
SETTINGS replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
CREATE TABLE IF NOT EXISTS latency_1m ON CLUSTER main AS latency_1m_local ENGINE = Distributed(main, signalbox, latency_1m_local)

CREATE MATERIALIZED VIEW IF NOT EXISTS latency_1m_mv ON CLUSTER main TO latency_1m_local AS
FROM calls_local AS c
