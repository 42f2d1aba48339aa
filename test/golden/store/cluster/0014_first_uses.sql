CREATE TABLE IF NOT EXISTS first_uses ON CLUSTER main (
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')
SETTINGS replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1

CREATE MATERIALIZED VIEW IF NOT EXISTS first_uses_mv ON CLUSTER main TO first_uses AS
FROM calls_local AS c
