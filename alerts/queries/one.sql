-- question: Where does one alert stand?
-- Parameters: alert_id. Out: at most one row, in the columns of current.sql. Scans: the alert's events.
SELECT
    fingerprint,
    alert_id AS last_alert_id,
    state AS last_state,
    toUnixTimestamp64Milli(starts_at) AS starts_at_ms,
    toUnixTimestamp64Milli(updated_at) AS updated_at_ms,
    annotations AS last_annotations,
    rule_id AS last_rule_id,
    toInt64OrZero(annotations['silenced_until_ms']) AS silenced_until_ms
FROM alerts_current
WHERE alert_id = {alert_id:String}
