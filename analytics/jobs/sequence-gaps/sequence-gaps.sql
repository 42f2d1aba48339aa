-- question: Of the records that each producer finished in the window, how many are stored?
-- params: look_back_from_ms, window_start_ms, window_end_ms (Unix milliseconds); only: one producer, '' for all
-- out: producer; first_seq, last_seq: the range that must be complete, from after the highest number that was finished
--   before the window (the window's lowest where the look-back holds nothing of that producer) to the highest finished
--   in it; expected, actual: numbers in that range, and those stored; duplicates: rows beyond the first of a number
-- scans: calls from look_back_from to a minute after window_end, 4 columns, twice
WITH
    fromUnixTimestamp64Milli({look_back_from_ms:Int64}, 'UTC') AS look_back_from,
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    -- A number is given when a call is finished, not when it is received: a slow call has an earlier time and a higher
    -- number than its neighbours. What was finished before the window's end was received before it too.
    ranges AS
    (
        SELECT
            producer,
            maxIf(seq, finished < window_start) AS seen_before,
            if(seen_before = 0, min(seq), seen_before + 1) AS first_seq,
            max(seq) AS last_seq
        FROM
        (
            SELECT producer, seq, ts + toIntervalMicrosecond(duration_us) AS finished
            FROM calls
            WHERE ts >= look_back_from AND ts < window_end AND basis != 'imported' AND ({only:String} = '' OR producer = {only:String})
        )
        WHERE finished < window_end
        GROUP BY producer
        HAVING countIf(finished >= window_start) > 0 AND last_seq >= first_seq
    )
SELECT
    producer,
    toFloat64(any(ranges.first_seq)) AS first_seq,
    toFloat64(any(ranges.last_seq)) AS last_seq,
    last_seq - first_seq + 1 AS expected,
    toFloat64(uniqExactIf(calls.seq, calls.seq BETWEEN ranges.first_seq AND ranges.last_seq)) AS actual,
    toFloat64(countIf(calls.seq BETWEEN ranges.first_seq AND ranges.last_seq)) - actual AS duplicates
FROM calls
INNER JOIN ranges ON calls.producer = ranges.producer
WHERE ts >= look_back_from AND ts < window_end + INTERVAL 1 MINUTE
GROUP BY producer
ORDER BY producer
