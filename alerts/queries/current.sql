-- question: The latest episode of every fingerprint: where does its alert stand, and is a silence in force?
-- Parameters: since_ms. Out: one row a fingerprint. Scans: alerts_current of the look-back, and all that are active.
SELECT
    fingerprint,
    argMax(tuple(alert_id, state, starts_at, updated_at, annotations, rule_id, ends_at), tuple(starts_at, updated_at)) AS last,
    tupleElement(last, 1) AS last_alert_id,
    tupleElement(last, 2) AS last_state,
    toUnixTimestamp64Milli(tupleElement(last, 3)) AS starts_at_ms,
    toUnixTimestamp64Milli(tupleElement(last, 4)) AS updated_at_ms,
    tupleElement(last, 5) AS last_annotations,
    tupleElement(last, 6) AS last_rule_id,
    max(toInt64OrZero(annotations['silenced_until_ms'])) AS silenced_until_ms
FROM alerts_current
WHERE updated_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') OR state IN ('firing', 'acknowledged', 'silenced', 'pending')
GROUP BY fingerprint
LIMIT 20000
