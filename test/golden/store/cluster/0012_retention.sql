CREATE TABLE IF NOT EXISTS retention_changes ON CLUSTER main (
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')

CREATE VIEW IF NOT EXISTS retention_horizons ON CLUSTER main AS

ALTER TABLE otel_traces_local ON CLUSTER main MODIFY SETTING ttl_only_drop_parts = 0
CREATE OR REPLACE TABLE otel_traces ON CLUSTER main AS otel_traces_local ENGINE = Distributed(main, signalbox, otel_traces_local, sipHash64(TraceId))
