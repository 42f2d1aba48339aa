-- question: How did the leadership numbers stand as they were computed?
-- Parameters: since_ms, until_ms. Out: one row a metric and period, the newest last; one period an hour. Scans: metric_values.
SELECT
    metric, definition_version,
    toUnixTimestamp64Milli(period_start) AS period_start_ms,
    toUnixTimestamp64Milli(period_end) AS period_end_ms,
    numerator, denominator, value,
    toUInt8(denominator > 0 AND JSONExtractBool(if(JSONHas(detail, 'measured'), detail, '{"measured":true}'), 'measured')) AS measured
FROM metric_values FINAL
WHERE period_end >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') AND period_end <= fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
ORDER BY metric, period_end, period_start
LIMIT 20000
