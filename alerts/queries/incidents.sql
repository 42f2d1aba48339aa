-- question: Which incidents are there, with their steps in the order of recording?
-- Parameters: limit. Out: one row an incident. Scans: incident_events.
SELECT
    incident_id,
    anyIf(title, title != '') AS title,
    anyIf(severity, severity != '') AS severity,
    arraySort(x -> x.3, groupArray(tuple(step, toUnixTimestamp64Milli(occurred_at), toUnixTimestamp64Milli(recorded_at), actor, note, cause))) AS steps
FROM incident_events
GROUP BY incident_id
ORDER BY min(recorded_at) DESC
LIMIT {limit:UInt32}
