-- id: high_risk_exception_rate
-- version: 2
-- title: High-risk calls that only an exception allowed
-- unit: share
-- definition: Tool calls (tools/call) to high-risk servers that an exception allowed against policy, out of all tool calls
--   to high-risk servers that were allowed, in the period. The tier is the one the server had at the time of the call.
--   Break-glass is an exception too. Calls that passed because their server is only observed, though policy would have
--   refused them, are shown apart. A use at or after the exception's end should not be; clocks may differ by five seconds.
-- question: How many allowed calls to high-risk servers rest on an exception?
-- params: period_start_ms, period_end_ms, as_of_ms (Unix milliseconds)
-- out: numerator, denominator, value; exceptions_used, top_exceptions [[exception, calls]], top_agents [[agent, calls]],
--   observed_would_refuse; of the exceptions themselves, for any tier: active (at the period's end), median_age_hours (of
--   those), used_after_end (calls of the period), top_grantors [[who, exceptions granted that were in force in the period]]
-- scans: calls of the period twice, 6 columns and 10; control_events of exceptions
WITH
    fromUnixTimestamp64Milli({period_start_ms:Int64}, 'UTC') AS period_start,
    fromUnixTimestamp64Milli(least({period_end_ms:Int64}, {as_of_ms:Int64}), 'UTC') AS period_end,
    -- The blocks of numbers that hold one twice: bitmaps find them in less time and memory than to keep every number takes.
    doubled AS
    (
        SELECT producer, intDiv(seq, 4096) AS block
        FROM calls
        WHERE ts >= period_start AND ts < period_end AND method = 'tools/call' AND risk_tier = 'high' AND decision = 'allow'
        GROUP BY producer, block
        HAVING count() > groupBitmap(seq)
    ),
    (SELECT count() FROM doubled) AS doubled_blocks,
    high_risk AS
    (
        SELECT
            agent, if(basis = 'exception', toString(exception_id), '') AS used, basis = 'exception' AS excepted,
            count() AS n, countIf(mode = 'observe' AND would_be IN ('deny', 'hold')) AS refusable
        FROM
        (
            SELECT agent, basis, mode, would_be, exception_id
            FROM calls
            WHERE ts >= period_start AND ts < period_end AND method = 'tools/call' AND risk_tier = 'high' AND decision = 'allow'
                AND (doubled_blocks = 0 OR (producer, intDiv(seq, 4096)) NOT IN (SELECT producer, block FROM doubled))
            UNION ALL
            SELECT agent, basis, mode, would_be, exception_id
            FROM calls
            WHERE ts >= period_start AND ts < period_end AND method = 'tools/call' AND risk_tier = 'high' AND decision = 'allow'
                AND doubled_blocks > 0 AND (producer, intDiv(seq, 4096)) IN (SELECT producer, block FROM doubled)
            LIMIT 1 BY producer, seq
        )
        GROUP BY agent, used, excepted
    ),
    granted AS
    (
        SELECT exception_id, approved_by, granted_at, ended_at
        FROM exceptions_current
        WHERE granted_at < period_end AND ended_at > period_start
    ),
    (
        SELECT (
            toUInt32(countIf(ended_at > period_end)),
            ifNotFinite(quantileExactInclusiveIf(0.5)(dateDiff('second', granted_at, period_end) / 3600, ended_at > period_end), 0)
        )
        FROM granted
    ) AS in_force,
    (
        SELECT toUInt32(count())
        FROM (SELECT exception_id, ts, ended_at FROM (
            SELECT exception_id, ts FROM calls
            WHERE ts >= period_start AND ts < period_end AND method = 'tools/call' AND basis = 'exception' AND exception_id != '' AND decision = 'allow'
            LIMIT 1 BY producer, seq
        ) AS u INNER JOIN (SELECT exception_id, max(ended_at) AS ended_at FROM exceptions_current GROUP BY exception_id) AS e ON e.exception_id = u.exception_id)
        WHERE ts >= ended_at + INTERVAL 5 SECOND
    ) AS used_late
SELECT
    toFloat64(sumIf(n, excepted)) AS numerator,
    toFloat64(sum(n)) AS denominator,
    numerator / greatest(1, denominator) AS value,
    toUInt32(uniqExactIf(used, excepted)) AS exceptions_used,
    arraySlice(arraySort(x -> (-x.2, x.1), arrayMap((id, uses) -> (id, toUInt32(uses)), (sumMapIf([used], [n], excepted) AS by_exception).1, by_exception.2)), 1, 10) AS top_exceptions,
    arraySlice(arraySort(x -> (-x.2, x.1), arrayMap((id, uses) -> (id, toUInt32(uses)), (sumMapIf([toString(agent)], [n], excepted) AS by_agent).1, by_agent.2)), 1, 10) AS top_agents,
    toUInt32(sum(refusable)) AS observed_would_refuse,
    in_force.1 AS active,
    in_force.2 AS median_age_hours,
    used_late AS used_after_end,
    (SELECT arraySlice(arraySort(x -> (-x.2, x.1), groupArray((who, held))), 1, 5) FROM (SELECT approved_by AS who, toUInt32(count()) AS held FROM granted GROUP BY who)) AS top_grantors
FROM high_risk
