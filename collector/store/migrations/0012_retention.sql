-- Every change of how long rows are kept, so that whoever checks the register can tell what retention removed from what is
-- missing. One row a tier of a table and change.
CREATE TABLE IF NOT EXISTS retention_changes (
    -- By the store's clock, as its merges go by it too.
    changed_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    table_name LowCardinality(String),
    -- high, medium, low; other for spans that are no records; empty where a table has no tiers.
    tier LowCardinality(String),
    -- Null: kept for ever.
    days Nullable(UInt32)
) ENGINE = MergeTree
ORDER BY (table_name, tier, changed_at);

-- From when on each table must have all of its rows, spans that are no records aside. Kept for 30 days until yesterday and for
-- 400 since: yesterday less 30 days.
CREATE VIEW IF NOT EXISTS retention_horizons AS
SELECT
    table_name,
    max(ifNull(kept_until - toIntervalDay(days), toDateTime64(0, 3, 'UTC'))) AS horizon
FROM (
    SELECT
        table_name,
        days,
        leadInFrame(changed_at, 1, now64(3, 'UTC')) OVER (PARTITION BY table_name, tier ORDER BY changed_at ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS kept_until
    FROM retention_changes
    WHERE tier != 'other'
)
GROUP BY table_name;

-- Calls of different tiers share a day and go at different times, so spans can't wait until a whole day may go. A part in
-- which all rows may go is dropped whole anyway.
ALTER TABLE otel_traces MODIFY SETTING ttl_only_drop_parts = 0;
