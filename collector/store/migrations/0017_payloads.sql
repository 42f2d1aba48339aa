-- What was said in calls: arguments, and results as the agent was given them, of servers whose registry entry asks for it. Apart
-- from the calls, with a retention of their own; tables that are named payload... are for their own role alone.
CREATE TABLE IF NOT EXISTS payloads (
    -- Of the call: its id is producer-seq.
    producer LowCardinality(String),
    seq UInt64 CODEC(Delta(8), ZSTD(1)),
    -- arguments or result
    kind LowCardinality(String),
    ts DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    server LowCardinality(String),
    method LowCardinality(String),
    tool LowCardinality(String),
    risk_tier LowCardinality(String),
    content_type LowCardinality(String),
    -- Of the whole in bytes. Where truncated, body is its beginning.
    size UInt64 CODEC(T64, ZSTD(1)),
    truncated Bool,
    -- Empty: body is text. Else the key that opens it, and body is Base64 (collector/payload/cipher.ts), which compresses to
    -- little more than its bytes.
    key_id LowCardinality(String),
    body String CODEC(ZSTD(3))
) ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (producer, seq, kind)
SETTINGS non_replicated_deduplication_window = 10000;

-- How many could not be kept, and why. It holds nothing of them, and everybody may read it.
CREATE TABLE IF NOT EXISTS dropped_payloads (
    producer LowCardinality(String),
    reason LowCardinality(String),
    first_at DateTime64(3, 'UTC'),
    last_at DateTime64(3, 'UTC'),
    payloads UInt64
) ENGINE = MergeTree
PARTITION BY toYYYYMM(last_at)
ORDER BY (last_at, producer, reason)
SETTINGS non_replicated_deduplication_window = 1000;
