-- question: How many calls were let through while nothing could be recorded, by what came into the store in the window?
-- params: window_start_ms, window_end_ms, now_ms (Unix milliseconds: when the run happens); only: one producer, '' for all
-- out: producer; actual, expected: calls that were let through, and 0; at_least (1: a process was killed and may have let
--   through more); from_ms, to_ms: the first and the last one's time; who: agents and servers, at most 20; call: the record
-- scans: calls by their stored_at, 8 columns
SELECT
    producer,
    toFloat64(sum(attempts)) AS actual,
    toFloat64(0) AS expected,
    max(error_type != 'unrecorded') AS at_least,
    toFloat64(toUnixTimestamp64Milli(toDateTime64(min(ts), 3, 'UTC'))) AS from_ms,
    toFloat64(toUnixTimestamp64Milli(toDateTime64(max(ts + toIntervalMicrosecond(duration_us)), 3, 'UTC'))) AS to_ms,
    arraySort(groupUniqArray(20)(concat(agent, ' at ', server))) AS who,
    concat(producer, '-', toString(min(seq))) AS call
FROM calls
WHERE outcome = 'unrecorded' AND ({only:String} = '' OR producer = {only:String})
    AND stored_at >= fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC')
    AND stored_at < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC')
    AND stored_at <= fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
GROUP BY producer
ORDER BY producer
