-- question: Is every producer's record complete, and how old is its newest?
-- Parameters: from_ms, to_ms. Out: one row a producer. Scans: the seq column of the range.
SELECT
    producer,
    min(seq) AS first_seq,
    max(seq) AS last_seq,
    uniqExact(seq) AS present,
    toUnixTimestamp64Milli(toDateTime64(max(ts), 3, 'UTC')) AS newest_ms
FROM calls
WHERE ts >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND basis != 'imported'
GROUP BY producer
ORDER BY newest_ms DESC
LIMIT 200
