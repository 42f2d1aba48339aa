-- id: explicit_policy_coverage
-- version: 1
-- title: Calls decided by a rule that somebody wrote
-- unit: share
-- definition: Tool calls (tools/call) whose decision names at least one rule and the policy version it is in, and was
--   determined by it, out of all tool calls that the proxy received in the period. A call that no rule matched, one that
--   an exception let through, and one whose rule could not be evaluated are not explicit; each has a bar of its own.
--   Imported calls are left out: the proxy did not receive them.
--   Records that are known to be missing widen the number to an interval: all of them explicit, or none.
-- question: How many tool calls did an explicit rule decide?
-- params: period_start_ms, period_end_ms, as_of_ms (Unix milliseconds)
-- out: numerator, denominator, value; low, high; explicit_allow, explicit_deny, explicit_hold, exception, default_deny,
--   default_other, unattributed (explicit without rule or version), observed (in observe mode, of all), missing_records
-- scans: calls of the period, 9 columns
WITH
    fromUnixTimestamp64Milli({period_start_ms:Int64}, 'UTC') AS period_start,
    fromUnixTimestamp64Milli(least({period_end_ms:Int64}, {as_of_ms:Int64}), 'UTC') AS period_end,
    missing AS
    (
        SELECT sum(highest - lowest + 1 - stored) AS records
        FROM
        (
            SELECT max(seq) AS highest, min(seq) AS lowest, uniqExact(seq) AS stored
            FROM calls
            WHERE ts >= period_start AND ts < period_end AND basis != 'imported'
            GROUP BY producer
        )
    )
SELECT
    toFloat64(sumIf(attempts, explicit)) AS numerator,
    toFloat64(sum(attempts)) AS denominator,
    numerator / greatest(1, denominator) AS value,
    numerator / greatest(1, denominator + missing_records) AS low,
    if(denominator = 0, 0, (numerator + missing_records) / (denominator + missing_records)) AS high,
    toUInt32(sumIf(attempts, explicit AND decision = 'allow')) AS explicit_allow,
    toUInt32(sumIf(attempts, explicit AND decision = 'deny')) AS explicit_deny,
    toUInt32(sumIf(attempts, explicit AND decision = 'hold')) AS explicit_hold,
    toUInt32(sumIf(attempts, basis = 'exception')) AS exception,
    toUInt32(sumIf(attempts, basis = 'default' AND decision = 'deny')) AS default_deny,
    toUInt32(sumIf(attempts, basis = 'default' AND decision != 'deny')) AS default_other,
    toUInt32(sumIf(attempts, basis = 'explicit' AND NOT explicit)) AS unattributed,
    toUInt32(sumIf(attempts, mode = 'observe')) AS observed,
    toFloat64((SELECT records FROM missing)) AS missing_records
FROM
(
    SELECT attempts, decision, basis, mode, basis = 'explicit' AND notEmpty(policy_ids) AND policy_version != '' AS explicit
    FROM calls
    WHERE ts >= period_start AND ts < period_end AND method = 'tools/call' AND basis != 'imported'
    LIMIT 1 BY producer, seq
)
