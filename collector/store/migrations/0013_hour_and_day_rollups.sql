-- Counters and sketches by hour and by day (UTC), each fed by what is inserted into the finer one, which has already brought a
-- batch of calls down to fewer rows. A repeated batch is left out of them as it is of calls_1m.
--
-- They are sorted by time first: what asks for a range asks for all servers, and of a table that is sorted by server and tool,
-- as the minutes are, every such question reads a granule of each tool at least. The minutes stay as they are, because a
-- table in their place would not know which batches they hold.
-- Sketches are large, so their granules are small: those of 8192 rows would be decoded for the few that a range ends with.

CREATE TABLE IF NOT EXISTS calls_1h (
    hour DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
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
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS calls_1d (
    day DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
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
PARTITION BY toYear(day)
ORDER BY (day, server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS latency_1h (
    hour DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    server LowCardinality(String),
    tool LowCardinality(String),
    calls SimpleAggregateFunction(sum, UInt64),
    upstream_us AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64) CODEC(ZSTD(1)),
    proxy_us AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64) CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, server, tool)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS latency_1d (
    day DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    server LowCardinality(String),
    tool LowCardinality(String),
    calls SimpleAggregateFunction(sum, UInt64),
    upstream_us AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64) CODEC(ZSTD(1)),
    proxy_us AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64) CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
PARTITION BY toYear(day)
ORDER BY (day, server, tool)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- By agent, task class and decision too, sorted by agent: whoever asks for these asks for one of them. A minute of an agent
-- holds a call or two, of which a sketch would take more room than they do.
CREATE TABLE IF NOT EXISTS latency_by_agent_1h (
    hour DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    agent LowCardinality(String),
    server LowCardinality(String),
    tool LowCardinality(String),
    task_class LowCardinality(String),
    decision LowCardinality(String),
    calls SimpleAggregateFunction(sum, UInt64),
    upstream_us AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64) CODEC(ZSTD(1)),
    proxy_us AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64) CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (agent, hour, server, tool, task_class, decision)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Nothing is fed while the tables are filled, so that nothing is counted twice. Two things are not seen here: what another
-- collector inserts meanwhile, and that a batch which is sent again later is among what they were filled from.
DROP VIEW IF EXISTS calls_1h_mv;
DROP VIEW IF EXISTS calls_1d_mv;
DROP VIEW IF EXISTS latency_1h_mv;
DROP VIEW IF EXISTS latency_1d_mv;
DROP VIEW IF EXISTS latency_by_agent_1h_mv;

-- What is there already. The tables are emptied first, so that a run that was cut off can be repeated.
TRUNCATE TABLE calls_1h;
INSERT INTO calls_1h
SELECT toStartOfHour(minute), server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome, calls, duration_us, request_bytes, result_bytes
FROM calls_1m
SETTINGS insert_deduplicate = 0;

TRUNCATE TABLE calls_1d;
INSERT INTO calls_1d
SELECT toStartOfDay(hour), server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome, calls, duration_us, request_bytes, result_bytes
FROM calls_1h
SETTINGS insert_deduplicate = 0;

TRUNCATE TABLE latency_1h;
INSERT INTO latency_1h
SELECT toStartOfHour(minute), server, tool, calls, upstream_us, proxy_us
FROM latency_1m
SETTINGS insert_deduplicate = 0;

TRUNCATE TABLE latency_1d;
INSERT INTO latency_1d
SELECT toStartOfDay(hour), server, tool, calls, upstream_us, proxy_us
FROM latency_1h
SETTINGS insert_deduplicate = 0;

TRUNCATE TABLE latency_by_agent_1h;
INSERT INTO latency_by_agent_1h
SELECT
    toStartOfHour(c.ts) AS hour, c.agent, c.server, c.tool, c.task_class, c.decision,
    count(),
    quantilesTDigestState(0.5, 0.95, 0.99)(assumeNotNull(c.upstream_us)),
    quantilesTDigestState(0.5, 0.95, 0.99)(c.proxy_us)
FROM calls AS c
WHERE c.method = 'tools/call' AND isNotNull(c.upstream_us)
GROUP BY c.server, c.tool, hour, c.agent, c.task_class, c.decision
SETTINGS insert_deduplicate = 0, optimize_aggregation_in_order = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS calls_1h_mv TO calls_1h AS
SELECT
    toStartOfHour(m.minute) AS hour,
    server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome,
    sum(m.calls) AS calls,
    sum(m.duration_us) AS duration_us,
    sum(m.request_bytes) AS request_bytes,
    sum(m.result_bytes) AS result_bytes
FROM calls_1m AS m
GROUP BY hour, server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome;

CREATE MATERIALIZED VIEW IF NOT EXISTS calls_1d_mv TO calls_1d AS
SELECT
    toStartOfDay(h.hour) AS day,
    server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome,
    sum(h.calls) AS calls,
    sum(h.duration_us) AS duration_us,
    sum(h.request_bytes) AS request_bytes,
    sum(h.result_bytes) AS result_bytes
FROM calls_1h AS h
GROUP BY day, server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome;

CREATE MATERIALIZED VIEW IF NOT EXISTS latency_1h_mv TO latency_1h AS
SELECT
    toStartOfHour(m.minute) AS hour,
    m.server AS server,
    m.tool AS tool,
    sum(m.calls) AS calls,
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(m.upstream_us) AS upstream_us,
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(m.proxy_us) AS proxy_us
FROM latency_1m AS m
GROUP BY hour, server, tool;

CREATE MATERIALIZED VIEW IF NOT EXISTS latency_1d_mv TO latency_1d AS
SELECT
    toStartOfDay(h.hour) AS day,
    h.server AS server,
    h.tool AS tool,
    sum(h.calls) AS calls,
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(h.upstream_us) AS upstream_us,
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(h.proxy_us) AS proxy_us
FROM latency_1h AS h
GROUP BY day, server, tool;

CREATE MATERIALIZED VIEW IF NOT EXISTS latency_by_agent_1h_mv TO latency_by_agent_1h AS
SELECT
    toStartOfHour(c.ts) AS hour,
    c.agent AS agent, c.server AS server, c.tool AS tool, c.task_class AS task_class, c.decision AS decision,
    count() AS calls,
    quantilesTDigestState(0.5, 0.95, 0.99)(assumeNotNull(c.upstream_us)) AS upstream_us,
    quantilesTDigestState(0.5, 0.95, 0.99)(c.proxy_us) AS proxy_us
FROM calls AS c
WHERE c.method = 'tools/call' AND isNotNull(c.upstream_us)
GROUP BY hour, agent, server, tool, task_class, decision;

-- The counters of a range, each part of it at the coarsest resolution that fits: days and hours that lie in it whole, and
-- minutes for what is left at its ends. So the answer is that of the minutes alone, from a fraction of the rows. No row is
-- coarser than step_s (seconds): 60 gives minutes alone, 86400 whatever fits.
CREATE OR REPLACE VIEW calls_between AS
SELECT minute AS at, server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome, calls, duration_us, request_bytes, result_bytes
FROM calls_1m
WHERE minute >= toStartOfMinute(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND minute < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND ({step_s:UInt32} < 3600
        OR minute < fromUnixTimestamp64Milli(intDiv({from_ms:Int64} + 3599999, 3600000) * 3600000, 'UTC')
        OR minute >= fromUnixTimestamp64Milli(intDiv({to_ms:Int64}, 3600000) * 3600000, 'UTC'))
UNION ALL
SELECT hour AS at, server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome, calls, duration_us, request_bytes, result_bytes
FROM calls_1h
WHERE {step_s:UInt32} >= 3600
    AND hour >= fromUnixTimestamp64Milli(intDiv({from_ms:Int64} + 3599999, 3600000) * 3600000, 'UTC') AND hour < fromUnixTimestamp64Milli(intDiv({to_ms:Int64}, 3600000) * 3600000, 'UTC')
    AND ({step_s:UInt32} < 86400
        OR hour < fromUnixTimestamp64Milli(intDiv({from_ms:Int64} + 86399999, 86400000) * 86400000, 'UTC')
        OR hour >= fromUnixTimestamp64Milli(intDiv({to_ms:Int64}, 86400000) * 86400000, 'UTC'))
UNION ALL
SELECT day AS at, server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome, calls, duration_us, request_bytes, result_bytes
FROM calls_1d
WHERE {step_s:UInt32} >= 86400
    AND day >= fromUnixTimestamp64Milli(intDiv({from_ms:Int64} + 86399999, 86400000) * 86400000, 'UTC') AND day < fromUnixTimestamp64Milli(intDiv({to_ms:Int64}, 86400000) * 86400000, 'UTC');

-- The same for the sketches, by server and tool.
CREATE OR REPLACE VIEW latency_between AS
SELECT minute AS at, server, tool, calls, upstream_us, proxy_us
FROM latency_1m
WHERE minute >= toStartOfMinute(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND minute < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND ({step_s:UInt32} < 3600
        OR minute < fromUnixTimestamp64Milli(intDiv({from_ms:Int64} + 3599999, 3600000) * 3600000, 'UTC')
        OR minute >= fromUnixTimestamp64Milli(intDiv({to_ms:Int64}, 3600000) * 3600000, 'UTC'))
UNION ALL
SELECT hour AS at, server, tool, calls, upstream_us, proxy_us
FROM latency_1h
WHERE {step_s:UInt32} >= 3600
    AND hour >= fromUnixTimestamp64Milli(intDiv({from_ms:Int64} + 3599999, 3600000) * 3600000, 'UTC') AND hour < fromUnixTimestamp64Milli(intDiv({to_ms:Int64}, 3600000) * 3600000, 'UTC')
    AND ({step_s:UInt32} < 86400
        OR hour < fromUnixTimestamp64Milli(intDiv({from_ms:Int64} + 86399999, 86400000) * 86400000, 'UTC')
        OR hour >= fromUnixTimestamp64Milli(intDiv({to_ms:Int64}, 86400000) * 86400000, 'UTC'))
UNION ALL
SELECT day AS at, server, tool, calls, upstream_us, proxy_us
FROM latency_1d
WHERE {step_s:UInt32} >= 86400
    AND day >= fromUnixTimestamp64Milli(intDiv({from_ms:Int64} + 86399999, 86400000) * 86400000, 'UTC') AND day < fromUnixTimestamp64Milli(intDiv({to_ms:Int64}, 86400000) * 86400000, 'UTC');
