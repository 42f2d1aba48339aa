-- question: Which numbers of a producer are stored more than once in a range?
-- params: producer; first_seq, last_seq; look_back_from_ms, window_end_ms (Unix milliseconds)
-- out: actual, expected: rows beyond the first of a number, and 0; numbers: those stored more than once; calls: the first three
-- scans: calls of one producer from look_back_from to a minute after window_end
SELECT
    toFloat64(sum(copies - 1)) AS actual,
    toFloat64(0) AS expected,
    toFloat64(countIf(copies > 1)) AS numbers,
    arraySlice(arrayMap(n -> concat({producer:String}, '-', toString(n)), arraySort(groupArrayIf(seq, copies > 1))), 1, 3) AS calls
FROM
(
    SELECT seq, count() AS copies
    FROM calls
    WHERE producer = {producer:String} AND seq BETWEEN {first_seq:UInt64} AND {last_seq:UInt64}
        AND ts >= fromUnixTimestamp64Milli({look_back_from_ms:Int64}, 'UTC')
        AND ts < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') + INTERVAL 1 MINUTE
    GROUP BY seq
)
