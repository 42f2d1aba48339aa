-- The checkpoint log as the proxy's signer shipped it, at least once. The rows are a copy to look things up in: what they say
-- counts only as far as their signatures do, and `signalbox audit verify` trusts the log's own file.
CREATE TABLE IF NOT EXISTS audit_checkpoints (
    log LowCardinality(String),
    idx UInt64,
    event_type LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    -- Empty for statements of keys.
    producer LowCardinality(String),
    first_seq UInt64,
    last_seq UInt64,
    head_hash String,
    merkle_root String,
    key_id LowCardinality(String),
    event_hash String,
    -- The entry, whole, as it was signed.
    entry String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
ORDER BY (log, idx);

-- How far each anchor had the log, each time the signer looked: anchored_idx behind head_idx means that it is behind.
CREATE TABLE IF NOT EXISTS audit_anchors (
    at DateTime64(3, 'UTC'),
    log LowCardinality(String),
    anchor LowCardinality(String),
    head_idx UInt64,
    anchored_idx UInt64,
    -- Entries that were left out because a later one vouches for them.
    skipped UInt64,
    -- Since the anchor last took an entry.
    failures UInt32,
    last_error String
) ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (anchor, at);

-- When a row came in, by the store's clock. A materialized column is not part of `SELECT *` and can't be given by a sender.
ALTER TABLE calls ADD COLUMN IF NOT EXISTS stored_at DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC') CODEC(Delta(8), ZSTD(1));
ALTER TABLE calls ADD INDEX IF NOT EXISTS idx_stored_at stored_at TYPE minmax GRANULARITY 1;

-- The completeness of each producer's records, window by window.
CREATE TABLE IF NOT EXISTS audit_completeness (
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    producer LowCardinality(String),
    computed_at DateTime64(3, 'UTC'),
    -- Of the numbers first_seq to last_seq, which were finished in the window: how many there must be, are, and are not.
    first_seq UInt64,
    last_seq UInt64,
    expected UInt64,
    stored UInt64,
    missing UInt64,
    -- Rows beyond the first of a number.
    duplicates UInt64,
    -- Rows that were stored in the window, and those of them that took longer than late_after_ms from the call's end.
    arrived UInt64,
    late UInt64,
    late_after_ms UInt64,
    lateness_ms_p50 Float64,
    lateness_ms_p99 Float64,
    lateness_ms_max Float64
) ENGINE = ReplacingMergeTree(computed_at)
PARTITION BY toYYYYMM(window_end)
ORDER BY (producer, window_end);
