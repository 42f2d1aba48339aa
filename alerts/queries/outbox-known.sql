-- question: Which of these notifications are in the outbox already?
-- Parameters: ids. Out: notification_id. Scans: the ids' rows.
SELECT DISTINCT notification_id
FROM notification_events
WHERE notification_id IN {ids:Array(String)}
