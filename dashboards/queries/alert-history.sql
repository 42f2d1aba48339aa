-- question: Every transition of an alert, in order.
-- Parameters: alert_id. Out: at most 200 rows. Scans: the alert's events.
SELECT toUnixTimestamp64Milli(at) AS at_ms, state, previous_state, actor, reason
FROM alert_events
WHERE alert_id = {alert_id:String}
ORDER BY at
LIMIT 200
