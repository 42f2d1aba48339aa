-- question: Which incidents stand open, and what was opened and resolved in the range?
-- Parameters: from_ms, to_ms. Out: one row an incident. Scans: incident_events.
SELECT
    incident_id,
    anyIf(title, title != '') AS incident_title,
    anyIf(actor, step = 'opened') AS opened_by,
    toUnixTimestamp64Milli(minIf(occurred_at, step = 'detected')) AS detected_ms,
    toUnixTimestamp64Milli(minIf(recorded_at, step = 'opened')) AS opened_ms,
    countIf(step = 'cause_identified') AS causes,
    argMaxIf(step, recorded_at, step IN ('opened', 'resolved', 'closed', 'reopened')) AS last_step,
    toUnixTimestamp64Milli(maxIf(recorded_at, step IN ('resolved', 'closed'))) AS resolved_ms
FROM incident_events
WHERE recorded_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY incident_id
HAVING NOT max(drill) AND (last_step NOT IN ('resolved', 'closed') OR resolved_ms >= {from_ms:Int64} OR opened_ms >= {from_ms:Int64})
ORDER BY opened_ms
LIMIT 500
