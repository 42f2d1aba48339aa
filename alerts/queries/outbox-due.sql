-- question: Which notifications are to be tried now?
-- Parameters: now_ms. Out: the latest row of each, with the body of its first. Scans: notification_events of 5 days.
SELECT
    notification_id, receiver, latest.1 AS status, latest.2 AS attempt, any_type AS type, first_body AS body, any_alert AS alert_id
FROM (
    SELECT
        notification_id,
        any(receiver) AS receiver,
        argMax(tuple(status, attempt, next_attempt_at), tuple(at, attempt, status != 'queued')) AS latest,
        any(type) AS any_type,
        max(body) AS first_body,
        any(alert_id) AS any_alert,
        min(at) AS queued_at
    FROM notification_events
    WHERE at >= fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC') - INTERVAL 5 DAY
    GROUP BY notification_id
)
WHERE latest.1 IN ('queued', 'failed') AND (latest.3 IS NULL OR latest.3 <= fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC'))
ORDER BY queued_at, notification_id
LIMIT {limit:UInt32}
