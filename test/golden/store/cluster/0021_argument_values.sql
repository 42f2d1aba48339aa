CREATE TABLE IF NOT EXISTS argument_values_local ON CLUSTER main (
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
SETTINGS replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
CREATE TABLE IF NOT EXISTS argument_values ON CLUSTER main AS argument_values_local ENGINE = Distributed(main, signalbox, argument_values_local)

CREATE MATERIALIZED VIEW IF NOT EXISTS argument_values_mv ON CLUSTER main TO argument_values_local AS
FROM calls_local AS c

CREATE TABLE IF NOT EXISTS argument_flows ON CLUSTER main (
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')
SETTINGS replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1

CREATE MATERIALIZED VIEW IF NOT EXISTS argument_flows_mv ON CLUSTER main TO argument_flows AS
FROM calls_local AS c

ALTER TABLE sequence_scores_local ON CLUSTER main ADD COLUMN IF NOT EXISTS argument_bits Float64 DEFAULT 0 AFTER after_untrusted_bits
CREATE OR REPLACE TABLE sequence_scores ON CLUSTER main AS sequence_scores_local ENGINE = Distributed(main, signalbox, sequence_scores_local, sipHash64(unit))

TRUNCATE TABLE sequence_blocks ON CLUSTER main
