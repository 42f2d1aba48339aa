-- id: high_risk_exception_rate
-- version: 1
-- title: High-risk calls that only an exception allowed
-- unit: share
-- definition: Tool calls (tools/call) to high-risk servers that an exception allowed against policy, out of all tool calls
--   to high-risk servers that were allowed, in the period. The tier is the one the server had at the time of the call.
--   Calls that passed because their server is only observed, though policy would have refused them, are shown apart.
-- question: How many allowed calls to high-risk servers rest on an exception?
-- params: period_start_ms, period_end_ms, as_of_ms (Unix milliseconds)
-- out: numerator, denominator, value; exceptions_used, top_exceptions [[exception, calls]], top_agents [[agent, calls]],
--   observed_would_refuse
-- scans: calls of the period, 10 columns
WITH
    fromUnixTimestamp64Milli({period_start_ms:Int64}, 'UTC') AS period_start,
    fromUnixTimestamp64Milli(least({period_end_ms:Int64}, {as_of_ms:Int64}), 'UTC') AS period_end,
    high_risk AS
    (
        SELECT agent, basis, mode, would_be, exception_id
        FROM calls
        WHERE ts >= period_start AND ts < period_end AND method = 'tools/call' AND risk_tier = 'high' AND decision = 'allow'
        LIMIT 1 BY producer, seq
    )
SELECT
    toFloat64(countIf(basis = 'exception')) AS numerator,
    toFloat64(count()) AS denominator,
    numerator / greatest(1, denominator) AS value,
    toUInt32(uniqExactIf(exception_id, basis = 'exception')) AS exceptions_used,
    (SELECT arraySort(x -> (-x.2, x.1), groupArray(10)((id, uses))) FROM (SELECT exception_id AS id, toUInt32(count()) AS uses FROM high_risk WHERE basis = 'exception' GROUP BY id ORDER BY uses DESC, id)) AS top_exceptions,
    (SELECT arraySort(x -> (-x.2, x.1), groupArray(10)((id, uses))) FROM (SELECT toString(agent) AS id, toUInt32(count()) AS uses FROM high_risk WHERE basis = 'exception' GROUP BY id ORDER BY uses DESC, id)) AS top_agents,
    toUInt32(countIf(mode = 'observe' AND would_be IN ('deny', 'hold'))) AS observed_would_refuse
FROM high_risk
