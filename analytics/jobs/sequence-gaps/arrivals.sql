-- question: Of the records that came into the store in the window, how long after their calls ended did they come?
-- params: window_start_ms, window_end_ms, now_ms (Unix milliseconds: when the run happens; what was stored after it belongs
--   to no window of a replay); late_after_ms; only: one producer, '' for all
-- out: producer; arrived: rows; actual, expected: rows that took longer than late_after, and 0; p50_ms, p99_ms, max_ms; worst:
--   the latest call
-- scans: calls by their stored_at, 5 columns; however long ago they were received
WITH
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end
SELECT
    producer,
    toFloat64(count()) AS arrived,
    toFloat64(countIf(late_ms > {late_after_ms:Int64})) AS actual,
    toFloat64(0) AS expected,
    toFloat64(quantileExact(0.5)(late_ms)) AS p50_ms,
    toFloat64(quantileExact(0.99)(late_ms)) AS p99_ms,
    toFloat64(max(late_ms)) AS max_ms,
    concat(producer, '-', toString(argMax(seq, late_ms))) AS worst
FROM
(
    SELECT producer, seq, greatest(0, toUnixTimestamp64Milli(stored_at) - toUnixTimestamp64Milli(toDateTime64(ts + toIntervalMicrosecond(duration_us), 3, 'UTC'))) AS late_ms
    FROM calls
    WHERE stored_at >= window_start AND stored_at < window_end AND stored_at <= fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
        AND basis != 'imported'
        AND ({only:String} = '' OR producer = {only:String})
)
GROUP BY producer
ORDER BY producer
