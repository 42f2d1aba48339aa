CREATE TABLE IF NOT EXISTS calls_local ON CLUSTER main (
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
SETTINGS replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
CREATE TABLE IF NOT EXISTS calls ON CLUSTER main AS calls_local ENGINE = Distributed(main, signalbox, calls_local)

CREATE VIEW IF NOT EXISTS calls_from_spans ON CLUSTER main AS

CREATE MATERIALIZED VIEW IF NOT EXISTS calls_mv ON CLUSTER main TO calls_local AS
FROM otel_traces_local
