CREATE TABLE IF NOT EXISTS payloads_local ON CLUSTER main (
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
SETTINGS replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000
CREATE TABLE IF NOT EXISTS payloads ON CLUSTER main AS payloads_local ENGINE = Distributed(main, signalbox, payloads_local, sipHash64(producer, seq))

CREATE TABLE IF NOT EXISTS dropped_payloads ON CLUSTER main (
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')
SETTINGS replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 1000
