-- question: In which hours do the counters of calls_1m differ from the calls that they were counted from?
-- parameters: since (whole minutes at or after); key_low, key_high (random, as in verify-blocks.sql)
-- columns: from, to (the hour's first and last minute)
-- scans: calls_1m and the counted columns of calls, once, without a group for each counter: a sum of what is counted, times
--   a number that stands for what it is counted by, is the same on both sides only when every counter is
WITH
    (toUInt64({key_low:UInt64}), toUInt64({key_high:UInt64})) AS key,
    sipHash64Keyed(key, 'names') AS salt,
    name -> intHash64(bitXor(cityHash64(name), salt)) AS weight,
    value -> sipHash64Keyed(key, value) AS digest,
    toStartOfMinute({since:DateTime64(6, 'UTC')}) AS since_minute,
    (SELECT toStartOfMinute(min(ts)) FROM calls WHERE ts >= since_minute) AS first_minute
SELECT
    toString(toStartOfHour(minute) AS hour) AS from,
    toString(hour + INTERVAL 59 MINUTE) AS to
FROM (
    SELECT minute, toInt64(sipHash64Keyed(key, minute, weight('server') * digest(server) + weight('tool') * digest(tool) + weight('method') * digest(method)
            + weight('agent') * digest(agent) + weight('task_class') * digest(task_class) + weight('environment') * digest(environment)
            + weight('risk_tier') * digest(risk_tier) + weight('decision') * digest(decision) + weight('basis') * digest(basis)
            + weight('outcome') * digest(outcome))) AS counter,
        toInt64(calls) AS n, toInt64(duration_us) AS duration, toInt64(request_bytes) AS requests, toInt64(result_bytes) AS results
    FROM calls_1m
    WHERE calls_1m.minute >= first_minute
    UNION ALL
    SELECT toStartOfMinute(ts) AS minute, toInt64(sipHash64Keyed(key, minute, weight('server') * digest(server) + weight('tool') * digest(tool) + weight('method') * digest(method)
            + weight('agent') * digest(agent) + weight('task_class') * digest(task_class) + weight('environment') * digest(environment)
            + weight('risk_tier') * digest(risk_tier) + weight('decision') * digest(decision) + weight('basis') * digest(basis)
            + weight('outcome') * digest(outcome))) AS counter,
        -toInt64(attempts) AS n, -toInt64(duration_us) AS duration, -toInt64(request_bytes) AS requests, -toInt64(result_bytes) AS results
    FROM calls
    WHERE ts >= first_minute
)
GROUP BY hour
HAVING sum(counter * n) != 0 OR sum(counter * duration) != 0 OR sum(counter * requests) != 0 OR sum(counter * results) != 0
ORDER BY hour
