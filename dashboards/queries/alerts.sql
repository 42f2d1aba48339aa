-- question: Which alerts are active, or ended in the range?
-- Parameters: from_ms, alert_id (empty: all), limit. Out: one row an alert. Scans: alert_events.
SELECT
    alert_id, fingerprint, rule_id, rule_version, state, previous_state, actor, reason, severity, title, labels,
    annotations['alert'] AS alert,
    toInt64OrZero(annotations['silenced_until_ms']) AS silenced_until_ms,
    toUnixTimestamp64Milli(starts_at) AS starts_at_ms,
    toUnixTimestamp64Milli(updated_at) AS updated_at_ms,
    if(isNull(ends_at), 0, toUnixTimestamp64Milli(assumeNotNull(ends_at))) AS ends_at_ms
FROM alerts_current
WHERE if({alert_id:String} != '', alert_id = {alert_id:String},
    state IN ('firing', 'acknowledged', 'silenced', 'pending') OR (state = 'resolved' AND updated_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')))
ORDER BY indexOf(['firing', 'acknowledged', 'silenced', 'pending', 'resolved'], state), indexOf(['page', 'ticket', 'info'], severity), updated_at DESC
LIMIT {limit:UInt32}
