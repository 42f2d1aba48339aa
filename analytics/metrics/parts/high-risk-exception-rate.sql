-- id: high_risk_exception_rate
-- version: 2
-- title: High-risk calls that only an exception allowed, by team, server and environment
-- unit: share
-- definition: The same calls, each with the server's owner and environment at the time of the call.
-- question: Whose calls, to which high-risk server and in which environment, rest on an exception?
-- params: period_start_ms, period_end_ms, as_of_ms (Unix milliseconds)
-- out: dimension (team, server, environment), name ('' for none); numerator, denominator, value
-- scans: calls of the period twice, 6 columns and 9
WITH
    fromUnixTimestamp64Milli({period_start_ms:Int64}, 'UTC') AS period_start,
    fromUnixTimestamp64Milli(least({period_end_ms:Int64}, {as_of_ms:Int64}), 'UTC') AS period_end,
    doubled AS
    (
        SELECT producer, intDiv(seq, 4096) AS block
        FROM calls
        WHERE ts >= period_start AND ts < period_end AND method = 'tools/call' AND risk_tier = 'high' AND decision = 'allow'
        GROUP BY producer, block
        HAVING count() > groupBitmap(seq)
    ),
    (SELECT count() FROM doubled) AS doubled_blocks
SELECT
    part.1 AS dimension,
    part.2 AS name,
    toFloat64(sum(excepted)) AS numerator,
    toFloat64(sum(allowed)) AS denominator,
    numerator / denominator AS value
FROM
(
    SELECT owner, server, environment, countIf(basis = 'exception') AS excepted, count() AS allowed
    FROM
    (
        SELECT owner, server, environment, basis
        FROM calls
        WHERE ts >= period_start AND ts < period_end AND method = 'tools/call' AND risk_tier = 'high' AND decision = 'allow'
            AND (doubled_blocks = 0 OR (producer, intDiv(seq, 4096)) NOT IN (SELECT producer, block FROM doubled))
        UNION ALL
        SELECT owner, server, environment, basis
        FROM calls
        WHERE ts >= period_start AND ts < period_end AND method = 'tools/call' AND risk_tier = 'high' AND decision = 'allow'
            AND doubled_blocks > 0 AND (producer, intDiv(seq, 4096)) IN (SELECT producer, block FROM doubled)
        LIMIT 1 BY producer, seq
    )
    GROUP BY owner, server, environment
)
ARRAY JOIN [('team', toString(owner)), ('server', toString(server)), ('environment', toString(environment))] AS part
GROUP BY dimension, name
ORDER BY dimension, name
