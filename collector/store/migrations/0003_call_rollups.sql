-- Counters by minute. The jobs and the console read these for any range over an hour.
CREATE TABLE IF NOT EXISTS calls_1m (
    minute DateTime('UTC'),
    server LowCardinality(String),
    tool LowCardinality(String),
    method LowCardinality(String),
    agent LowCardinality(String),
    task_class LowCardinality(String),
    environment LowCardinality(String),
    risk_tier LowCardinality(String),
    decision LowCardinality(String),
    basis LowCardinality(String),
    outcome LowCardinality(String),
    calls SimpleAggregateFunction(sum, UInt64),
    duration_us SimpleAggregateFunction(sum, UInt64),
    request_bytes SimpleAggregateFunction(sum, UInt64),
    result_bytes SimpleAggregateFunction(sum, UInt64)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (server, tool, minute, agent, method, task_class, environment, risk_tier, decision, basis, outcome)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS calls_1m_mv TO calls_1m AS
SELECT
    toStartOfMinute(c.ts) AS minute,
    server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome,
    count() AS calls,
    sum(c.duration_us) AS duration_us,
    sum(c.request_bytes) AS request_bytes,
    sum(c.result_bytes) AS result_bytes
FROM calls AS c
GROUP BY minute, server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome;

-- Latency sketches by minute, apart from the counters because their states are a hundred times as large.
CREATE TABLE IF NOT EXISTS latency_1m (
    minute DateTime('UTC'),
    server LowCardinality(String),
    tool LowCardinality(String),
    calls SimpleAggregateFunction(sum, UInt64),
    upstream_us AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64),
    proxy_us AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (server, tool, minute)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS latency_1m_mv TO latency_1m AS
SELECT
    toStartOfMinute(c.ts) AS minute,
    c.server AS server,
    c.tool AS tool,
    count() AS calls,
    quantilesTDigestState(0.5, 0.95, 0.99)(assumeNotNull(c.upstream_us)) AS upstream_us,
    quantilesTDigestState(0.5, 0.95, 0.99)(c.proxy_us) AS proxy_us
FROM calls AS c
WHERE c.method = 'tools/call' AND isNotNull(c.upstream_us)
GROUP BY minute, server, tool;
