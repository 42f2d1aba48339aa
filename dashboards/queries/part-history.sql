-- question: How did the leadership numbers of each team, server and environment stand, week by week back from a time?
-- Parameters: since_ms, until_ms. Out: one row a metric, week and part; the last period kept in each week. Scans: metric_values.
SELECT
    metric,
    toUnixTimestamp64Milli(period_end) AS period_end_ms,
    part.1 AS dimension, part.2 AS name, part.3 AS numerator, part.4 AS denominator, part.5 AS value, part.6 AS version
FROM
(
    SELECT metric, period_end, detail
    FROM metric_values FINAL
    WHERE period_end > fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') AND period_end <= fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC') AND JSONHas(detail, 'parts')
    ORDER BY period_end DESC
    LIMIT 1 BY metric, intDiv({until_ms:Int64} - toUnixTimestamp64Milli(period_end), 604800000)
)
ARRAY JOIN JSONExtract(detail, 'parts', 'Array(Tuple(String, String, Float64, Float64, Nullable(Float64), String))') AS part
WHERE part.5 IS NOT NULL
ORDER BY metric, dimension, name, period_end
LIMIT 100000
