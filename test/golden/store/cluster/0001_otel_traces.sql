CREATE TABLE IF NOT EXISTS otel_traces_local ON CLUSTER main (
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
CREATE TABLE IF NOT EXISTS otel_traces ON CLUSTER main AS otel_traces_local ENGINE = Distributed(main, signalbox, otel_traces_local, sipHash64(TraceId))

CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts_local ON CLUSTER main (
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts ON CLUSTER main AS otel_traces_trace_id_ts_local ENGINE = Distributed(main, signalbox, otel_traces_trace_id_ts_local)

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_trace_id_ts_mv ON CLUSTER main TO otel_traces_trace_id_ts_local AS
FROM otel_traces_local
