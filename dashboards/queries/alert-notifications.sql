-- question: What was sent about an alert, to whom, and how did it go?
-- Parameters: alert_id. Out: at most 200 rows, without bodies. Scans: notification_events.
SELECT notification_id, toUnixTimestamp64Milli(at) AS at_ms, status, attempt, channel, receiver, type, http_status, error
FROM notification_events
WHERE alert_id = {alert_id:String}
ORDER BY at, attempt
LIMIT 200
