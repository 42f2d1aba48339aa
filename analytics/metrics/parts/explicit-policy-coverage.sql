-- id: explicit_policy_coverage
-- version: 2
-- title: Calls decided by a rule that somebody wrote, by team, server and environment
-- unit: share
-- definition: The same calls, each with the server's owner and environment at the time of the call. A call to a name that
--   the registry does not know has no team and no environment.
-- question: Whose calls, to which server and in which environment, did an explicit rule decide?
-- params: period_start_ms, period_end_ms, as_of_ms (Unix milliseconds)
-- out: dimension (team, server, environment), name ('' for none); numerator, denominator, value
-- scans: calls of the period twice, 2 columns and 12
WITH
    fromUnixTimestamp64Milli({period_start_ms:Int64}, 'UTC') AS period_start,
    fromUnixTimestamp64Milli(least({period_end_ms:Int64}, {as_of_ms:Int64}), 'UTC') AS period_end,
    -- The blocks of numbers that hold one twice: bitmaps find them in less time and memory than to keep every number takes.
    doubled AS
    (
        SELECT producer, intDiv(seq, 4096) AS block
        FROM calls
        WHERE ts >= period_start AND ts < period_end AND basis != 'imported'
        GROUP BY producer, block
        HAVING count() > groupBitmap(seq)
    ),
    (SELECT count() FROM doubled) AS doubled_blocks,
    received AS
    (
        SELECT producer, seq, attempts, method, basis, policy_ids, policy_version, reason, outcome, owner, server, environment
        FROM calls
        WHERE ts >= period_start AND ts < period_end AND basis != 'imported'
            AND (doubled_blocks = 0 OR (producer, intDiv(seq, 4096)) NOT IN (SELECT producer, block FROM doubled))
        UNION ALL
        SELECT producer, seq, attempts, method, basis, policy_ids, policy_version, reason, outcome, owner, server, environment
        FROM calls
        WHERE ts >= period_start AND ts < period_end AND basis != 'imported'
            AND doubled_blocks > 0 AND (producer, intDiv(seq, 4096)) IN (SELECT producer, block FROM doubled)
        LIMIT 1 BY producer, seq
    )
SELECT
    part.1 AS dimension,
    part.2 AS name,
    toFloat64(sum(explicit_calls)) AS numerator,
    toFloat64(sum(all_calls)) AS denominator,
    numerator / denominator AS value
FROM
(
    SELECT owner, server, environment, sumIf(attempts, explicit) AS explicit_calls, sum(attempts) AS all_calls
    FROM
    (
        SELECT
            attempts, owner, server, environment,
            basis = 'explicit' AND notEmpty(policy_ids) AND policy_version != '' AND reason != 'rule_error' AND outcome != 'unrecorded' AS explicit
        FROM received
        WHERE method = 'tools/call'
    )
    GROUP BY owner, server, environment
)
ARRAY JOIN [('team', toString(owner)), ('server', toString(server)), ('environment', toString(environment))] AS part
GROUP BY dimension, name
ORDER BY dimension, name
