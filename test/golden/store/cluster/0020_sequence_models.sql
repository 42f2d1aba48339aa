CREATE TABLE IF NOT EXISTS sequence_counts ON CLUSTER main (
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')

CREATE TABLE IF NOT EXISTS sequence_blocks ON CLUSTER main (
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')

CREATE TABLE IF NOT EXISTS sequence_models ON CLUSTER main (
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}', built_at)

CREATE TABLE IF NOT EXISTS sequence_transitions ON CLUSTER main (
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')

CREATE TABLE IF NOT EXISTS sequence_scores_local ON CLUSTER main (
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', scored_at)
CREATE TABLE IF NOT EXISTS sequence_scores ON CLUSTER main AS sequence_scores_local ENGINE = Distributed(main, signalbox, sequence_scores_local, sipHash64(unit))
