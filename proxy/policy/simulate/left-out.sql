-- question: How many calls of this time were settled by something else than the rules, and by what?
-- params: from, to (UTC)
-- out: why (a reason code, or `exception`), calls
-- scans: calls from `from` to `to`, 4 columns
SELECT if(basis = 'exception', 'exception', toString(reason)) AS why, sum(attempts) AS calls
FROM calls
WHERE ts >= {from:DateTime64(6, 'UTC')} AND ts < {to:DateTime64(6, 'UTC')}
    AND basis != 'imported'
    AND (basis = 'exception' OR reason NOT IN ('rule', 'no_rule', 'rule_error', 'approval_required', 'approval_denied'))
GROUP BY why
ORDER BY calls DESC, why
