-- question: Which numbers of a producer are missing in a range, and which records stand on both sides?
-- params: producer; first_seq, last_seq; look_back_from_ms, window_end_ms (Unix milliseconds)
-- out: from_seq, to_seq (missing, both included), before_call, after_call ('' where the gap opens the range); at most 100
-- scans: calls of one producer from look_back_from to a minute after window_end
SELECT
    toFloat64(previous + 1) AS from_seq,
    toFloat64(seq - 1) AS to_seq,
    if(previous + 1 = {first_seq:UInt64}, '', concat({producer:String}, '-', toString(previous))) AS before_call,
    concat({producer:String}, '-', toString(seq)) AS after_call
FROM
(
    SELECT seq, lagInFrame(seq, 1, toUInt64({first_seq:UInt64} - 1)) OVER (ORDER BY seq) AS previous
    FROM
    (
        SELECT DISTINCT seq
        FROM calls
        WHERE producer = {producer:String} AND seq BETWEEN {first_seq:UInt64} AND {last_seq:UInt64}
            AND ts >= fromUnixTimestamp64Milli({look_back_from_ms:Int64}, 'UTC')
            AND ts < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') + INTERVAL 1 MINUTE
    )
)
WHERE seq > previous + 1
ORDER BY seq
LIMIT 100
