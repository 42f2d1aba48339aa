-- question: Which steps of an incident are recorded?
-- Parameters: incident_id. Out: step, occurred_ms. Scans: the incident's rows.
SELECT step, toUnixTimestamp64Milli(occurred_at) AS occurred_ms
FROM incident_events
WHERE incident_id = {incident_id:String}
ORDER BY recorded_at
