CREATE TABLE IF NOT EXISTS argument_places ON CLUSTER main (
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')
SETTINGS replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1

CREATE MATERIALIZED VIEW IF NOT EXISTS argument_places_mv ON CLUSTER main TO argument_places AS
FROM argument_values_local AS v
