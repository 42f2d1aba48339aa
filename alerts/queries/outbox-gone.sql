-- question: Which receivers have said that they are gone for good?
-- Parameters: none. Out: receiver. Scans: notification_events.
SELECT DISTINCT receiver
FROM notification_events
WHERE status = 'dead' AND http_status = 410
