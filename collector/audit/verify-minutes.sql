-- question: In which minutes do the counters of calls_1m differ from the calls that they were counted from?
-- parameters: since (whole minutes at or after); from, to (first and last minute); limit (rows returned)
-- columns: minute, server, tool, agent, outcome, counted (in calls_1m), present (in calls)
-- scans: calls_1m and the counted columns of calls between the two, from the first minute that `calls` still holds
WITH
    toStartOfMinute({since:DateTime64(6, 'UTC')}) AS since_minute,
    (SELECT toStartOfMinute(min(ts)) FROM calls WHERE ts >= since_minute) AS first_minute
SELECT
    toString(minute) AS minute, server, tool, agent, outcome,
    toString(sum(counted_calls)) AS counted,
    toString(sum(present_calls)) AS present
FROM (
    SELECT
        minute, server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome,
        toInt64(sum(calls)) AS counted_calls, 0 AS present_calls,
        toInt64(sum(duration_us)) AS duration, toInt64(sum(request_bytes)) AS requests, toInt64(sum(result_bytes)) AS results
    FROM calls_1m
    WHERE calls_1m.minute >= greatest(first_minute, {from:DateTime('UTC')}) AND calls_1m.minute <= {to:DateTime('UTC')}
    GROUP BY minute, server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome
    UNION ALL
    SELECT
        toStartOfMinute(ts) AS minute, server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome,
        0 AS counted_calls, toInt64(sum(attempts)) AS present_calls,
        -toInt64(sum(duration_us)) AS duration, -toInt64(sum(request_bytes)) AS requests, -toInt64(sum(result_bytes)) AS results
    FROM calls
    WHERE ts >= greatest(first_minute, {from:DateTime('UTC')}) AND ts < {to:DateTime('UTC')} + INTERVAL 1 MINUTE
    GROUP BY minute, server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome
)
GROUP BY minute, server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome
HAVING sum(counted_calls) != sum(present_calls) OR sum(duration) != 0 OR sum(requests) != 0 OR sum(results) != 0
ORDER BY minute, server, tool
LIMIT {limit:UInt32}
