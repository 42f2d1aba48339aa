-- question: Are notifications getting through?
-- Parameters: now_ms. Out: one row. Scans: notification_events of a week.
SELECT countIf(last = 'delivered') AS delivered, countIf(last IN ('queued', 'failed')) AS waiting, countIf(last = 'dead') AS dead
FROM (
    SELECT notification_id, argMax(status, tuple(at, attempt)) AS last
    FROM notification_events
    WHERE at >= fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC') - INTERVAL 7 DAY
    GROUP BY notification_id
)
