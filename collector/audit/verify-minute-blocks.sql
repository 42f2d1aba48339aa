-- question: In which hours do the counters of calls_1m differ from the calls that they were counted from?
-- parameters: since (whole minutes at or after); key_low, key_high (random, as in verify-blocks.sql)
-- columns: from, to (the hour's first and last minute)
-- scans: calls_1m and the counted columns of calls, once, without a group for each counter: a sum of what is counted, times
--   a number that stands for what it is counted by, is the same on both sides only when every counter is
WITH
    (toUInt64({key_low:UInt64}), toUInt64({key_high:UInt64})) AS key,
    toStartOfMinute({since:DateTime64(6, 'UTC')}) AS since_minute,
    (SELECT toStartOfMinute(min(ts)) FROM calls WHERE ts >= since_minute) AS first_minute
SELECT
    toString(toStartOfHour(minute) AS hour) AS from,
    toString(hour + INTERVAL 59 MINUTE) AS to
FROM (
    SELECT minute, toInt64(sipHash64Keyed(key, minute,
            sipHash64Keyed(key, server), sipHash64Keyed(key, tool), sipHash64Keyed(key, method), sipHash64Keyed(key, agent), sipHash64Keyed(key, task_class), sipHash64Keyed(key, environment),
            sipHash64Keyed(key, risk_tier), sipHash64Keyed(key, decision), sipHash64Keyed(key, basis), sipHash64Keyed(key, outcome))) AS counter,
        toInt64(calls) AS n, toInt64(duration_us) AS duration, toInt64(request_bytes) AS requests, toInt64(result_bytes) AS results
    FROM calls_1m
    WHERE calls_1m.minute >= first_minute
    UNION ALL
    SELECT toStartOfMinute(ts) AS minute, toInt64(sipHash64Keyed(key, minute,
            sipHash64Keyed(key, server), sipHash64Keyed(key, tool), sipHash64Keyed(key, method), sipHash64Keyed(key, agent), sipHash64Keyed(key, task_class), sipHash64Keyed(key, environment),
            sipHash64Keyed(key, risk_tier), sipHash64Keyed(key, decision), sipHash64Keyed(key, basis), sipHash64Keyed(key, outcome))) AS counter,
        -1 AS n, -toInt64(duration_us) AS duration, -toInt64(request_bytes) AS requests, -toInt64(result_bytes) AS results
    FROM calls
    WHERE ts >= first_minute
)
GROUP BY hour
HAVING sum(counter * n) != 0 OR sum(counter * duration) != 0 OR sum(counter * requests) != 0 OR sum(counter * results) != 0
ORDER BY hour
