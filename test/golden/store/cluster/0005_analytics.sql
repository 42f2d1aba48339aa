CREATE TABLE IF NOT EXISTS baselines ON CLUSTER main (
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}', computed_at)

CREATE TABLE IF NOT EXISTS findings ON CLUSTER main (
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}', detected_at)

CREATE TABLE IF NOT EXISTS job_runs ON CLUSTER main (
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}', finished_at)

CREATE TABLE IF NOT EXISTS metric_values ON CLUSTER main (
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}', as_of)
