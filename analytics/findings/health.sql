-- question: Is the data that a finding rests on there?
-- params: history_from_ms, window_start_ms, window_end_ms (Unix milliseconds)
-- out: rows_in_window, baseline_rows, missing_buckets (five minutes without any call since the first one), lag_ms (from
--   the newest call before the window's end to that end)
-- scans: calls_1m from history_from to window_end, 2 columns
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end
SELECT
    toFloat64(sumIf(calls, minute >= window_start)) AS rows_in_window,
    toFloat64(sumIf(calls, minute < window_start)) AS baseline_rows,
    toInt32(if(count() = 0, 0, intDiv({window_end_ms:Int64} - toUnixTimestamp(min(minute)) * 1000 + 299999, 300000)
        - uniqExact(intDiv(toUnixTimestamp(window_end) - 1 - toUnixTimestamp(minute), 300)))) AS missing_buckets,
    toFloat64(greatest(0, {window_end_ms:Int64} - (toUnixTimestamp(max(minute)) + 60) * 1000)) AS lag_ms
FROM calls_1m
WHERE minute >= history_from AND minute < window_end
