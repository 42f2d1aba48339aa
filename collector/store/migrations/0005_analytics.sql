-- What each job learnt about each entity, and from which data. One row a (metric, entity) and computation.
CREATE TABLE IF NOT EXISTS baselines (
    computed_at DateTime64(3, 'UTC'),
    metric LowCardinality(String),
    entity_kind LowCardinality(String),
    entity String,
    learnt_from DateTime64(3, 'UTC'),
    learnt_to DateTime64(3, 'UTC'),
    n UInt64,
    centre Float64,
    spread Float64,
    quantiles Map(String, Float64),
    method String
) ENGINE = ReplacingMergeTree(computed_at)
ORDER BY (metric, entity_kind, entity, learnt_to);

-- What an analytics job says. The id is a digest of detector, entity and window, so that a job that runs again over the
-- same window says the same finding and not a second one.
CREATE TABLE IF NOT EXISTS findings (
    finding_id String,
    detector LowCardinality(String),
    detector_version LowCardinality(String),
    detected_at DateTime64(3, 'UTC'),
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    entity_kind LowCardinality(String),
    entity String,
    server LowCardinality(String),
    tool LowCardinality(String),
    agent LowCardinality(String),
    task_class LowCardinality(String),
    severity LowCardinality(String),
    score Float64,
    unit LowCardinality(String),
    actual Float64,
    expected Float64,
    expected_low Float64,
    expected_high Float64,
    sample_size UInt64,
    title String,
    summary String,
    -- JSON: [{dimension, value, windowShare, baselineShare, excessShare}], largest first, at most 5.
    contributors String,
    -- JSON: [call_id], at most 3: first, worst, latest.
    call_ids Array(String),
    -- One statement with typed parameters whose result holds `actual` and `expected`, and its parameters as JSON.
    evidence_sql String,
    evidence_params String,
    -- JSON: {ingestLagMs, rowsInWindow, missingBuckets, baselineRows, degraded}.
    data_health String
) ENGINE = ReplacingMergeTree(detected_at)
ORDER BY (detector, finding_id);

CREATE TABLE IF NOT EXISTS job_runs (
    job LowCardinality(String),
    run_id String,
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    started_at DateTime64(3, 'UTC'),
    finished_at DateTime64(3, 'UTC'),
    status LowCardinality(String),
    error String,
    findings UInt32,
    rows_read UInt64,
    bytes_read UInt64,
    duration_ms UInt32
) ENGINE = ReplacingMergeTree(finished_at)
ORDER BY (job, window_end, run_id);

-- The four leadership numbers as they were computed, with the version of the definition and its SQL's digest.
CREATE TABLE IF NOT EXISTS metric_values (
    metric LowCardinality(String),
    definition_version LowCardinality(String),
    sql_sha256 String,
    period_start DateTime64(3, 'UTC'),
    period_end DateTime64(3, 'UTC'),
    as_of DateTime64(3, 'UTC'),
    numerator Float64,
    denominator Float64,
    value Float64,
    unit LowCardinality(String),
    -- JSON: whatever the metric's card shows beside the number (bars, offenders, open cases).
    detail String
) ENGINE = ReplacingMergeTree(as_of)
ORDER BY (metric, period_start, period_end, definition_version);
