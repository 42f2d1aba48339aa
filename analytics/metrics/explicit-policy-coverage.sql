-- id: explicit_policy_coverage
-- version: 2
-- title: Calls decided by a rule that somebody wrote
-- unit: share
-- definition: Tool calls (tools/call) whose decision names at least one rule and the policy version it is in, and was
--   determined by it, out of all tool calls that the proxy received in the period. A call that no rule matched, one that
--   an exception let through, and one whose rule could not be evaluated are not explicit; each has a bar of its own, as has
--   what passed because its server is only observed, and what was let through without a record of its own.
--   Imported calls are left out: the proxy did not receive them.
--   Records that are known to be missing widen the number to an interval: all of them explicit, or none.
-- question: How many tool calls did an explicit rule decide?
-- params: period_start_ms, period_end_ms, as_of_ms (Unix milliseconds)
-- out: numerator, denominator, value; low, high; explicit_allow, explicit_deny, explicit_hold, exception, default_deny,
--   default_other, rule_error, unattributed (explicit without rule or version), unrecorded; these make the denominator.
--   observed (in observe mode, of all), missing_records
-- scans: calls of the period twice, 2 columns and 11
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
        SELECT producer, seq, attempts, method, decision, basis, mode, policy_ids, policy_version, reason, outcome
        FROM calls
        WHERE ts >= period_start AND ts < period_end AND basis != 'imported'
            AND (doubled_blocks = 0 OR (producer, intDiv(seq, 4096)) NOT IN (SELECT producer, block FROM doubled))
        UNION ALL
        SELECT producer, seq, attempts, method, decision, basis, mode, policy_ids, policy_version, reason, outcome
        FROM calls
        WHERE ts >= period_start AND ts < period_end AND basis != 'imported'
            AND doubled_blocks > 0 AND (producer, intDiv(seq, 4096)) IN (SELECT producer, block FROM doubled)
        LIMIT 1 BY producer, seq
    )
SELECT
    sum(explicit_calls) AS numerator,
    sum(all_calls) AS denominator,
    numerator / greatest(1, denominator) AS value,
    numerator / greatest(1, denominator + missing_records) AS low,
    if(denominator = 0, 0, (numerator + missing_records) / (denominator + missing_records)) AS high,
    toUInt32(sum(allowed)) AS explicit_allow,
    toUInt32(sum(denied)) AS explicit_deny,
    toUInt32(sum(held)) AS explicit_hold,
    toUInt32(sum(excepted)) AS exception,
    toUInt32(sum(defaulted_deny)) AS default_deny,
    toUInt32(sum(defaulted_other)) AS default_other,
    toUInt32(sum(failed)) AS rule_error,
    toUInt32(sum(nameless)) AS unattributed,
    toUInt32(sum(passed)) AS unrecorded,
    toUInt32(sum(watched)) AS observed,
    toFloat64(sum(highest - lowest + 1 - stored)) AS missing_records
FROM
(
    SELECT
        max(seq) AS highest,
        min(seq) AS lowest,
        count() AS stored,
        toFloat64(sumIf(attempts, kind = 'explicit')) AS explicit_calls,
        toFloat64(sumIf(attempts, kind != '')) AS all_calls,
        sumIf(attempts, kind = 'explicit' AND decision = 'allow') AS allowed,
        sumIf(attempts, kind = 'explicit' AND decision = 'deny') AS denied,
        sumIf(attempts, kind = 'explicit' AND decision = 'hold') AS held,
        sumIf(attempts, kind = 'exception') AS excepted,
        sumIf(attempts, kind = 'default' AND decision = 'deny') AS defaulted_deny,
        sumIf(attempts, kind = 'default' AND decision != 'deny') AS defaulted_other,
        sumIf(attempts, kind = 'rule_error') AS failed,
        sumIf(attempts, kind = 'nameless') AS nameless,
        sumIf(attempts, kind = 'unrecorded') AS passed,
        sumIf(attempts, kind != '' AND mode = 'observe') AS watched
    FROM
    (
        SELECT
            producer, seq, attempts, decision, mode,
            multiIf(
                method != 'tools/call', '',
                outcome = 'unrecorded', 'unrecorded',
                reason = 'rule_error', 'rule_error',
                basis = 'explicit' AND notEmpty(policy_ids) AND policy_version != '', 'explicit',
                basis = 'explicit', 'nameless',
                toString(basis)
            ) AS kind
        FROM received
    )
    GROUP BY producer
)
