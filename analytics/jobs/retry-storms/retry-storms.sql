-- question: Which pieces of work repeated the very same call again and again?
-- params: span_from_ms, window_start_ms, window_end_ms (Unix milliseconds): repeats are counted over the span, the latest is in
--   the window; min_times; most: so many, the most repeated first
-- out: unit, class, agent, task_id, task_class, session_id, server, tool, arguments (a number for the call's argument digests),
--   actual, acted (repeats that were forwarded and change something), first_ms; first, worst, latest: call ids
-- scans: calls of the span, 15 columns
WITH
    fromUnixTimestamp64Milli({span_from_ms:Int64}, 'UTC') AS span_from,
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end
SELECT
    multiIf(
        task_id != '', concat('task ', task_id),
        parent_span_id != '', concat('trace ', agent, ' ', trace_id),
        session_id != '', concat('session ', agent, ' ', session_id),
        concat('agent ', agent)
    ) AS unit,
    if(task_class != '', toString(task_class), concat('agent:', agent)) AS class,
    any(agent) AS some_agent,
    any(task_id) AS some_task,
    any(session_id) AS some_session,
    server,
    tool,
    toString(cityHash64(arg_paths, arg_digests)) AS arguments,
    toFloat64(sum(attempts)) AS actual,
    toFloat64(sumIf(attempts, decision = 'allow' AND effect != 'read')) AS acted,
    toUnixTimestamp64Milli(toDateTime64(min(ts), 3, 'UTC')) AS first_ms,
    argMin(call_id, (ts, seq)) AS first,
    argMax(call_id, (attempts, ts, seq)) AS worst,
    argMax(call_id, (ts, seq)) AS latest
FROM calls
WHERE ts >= span_from AND ts < window_end AND method = 'tools/call' AND tool != '' AND agent != ''
GROUP BY unit, class, server, tool, arguments
HAVING actual >= {min_times:Float64} AND max(ts) >= window_start
ORDER BY actual DESC, unit, server, tool, arguments
LIMIT {most:UInt32}
