-- question: Which incidents are known, and which calls do they name?
-- params: from_ms: detected since; as_of_ms: known then (Unix milliseconds)
-- out: incident_id, marked_ms (when the last was said of it), detected_ms, ended_ms (contained, resolved or closed; 0: not yet),
--   call_ids, finding_ids (what its alerts were made of)
-- scans: incident_events, some rows an incident; alert_events of their alerts
WITH
    fromUnixTimestamp64Milli({as_of_ms:Int64}, 'UTC') AS as_of,
    incidents AS
    (
        SELECT
            incident_id,
            toUnixTimestamp64Milli(max(recorded_at)) AS marked_ms,
            toUnixTimestamp64Milli(if(countIf(step = 'detected') > 0, minIf(occurred_at, step = 'detected'), min(occurred_at))) AS detected_ms,
            if(countIf(step IN ('contained', 'resolved', 'closed')) = 0, 0, toUnixTimestamp64Milli(minIf(occurred_at, step IN ('contained', 'resolved', 'closed')))) AS ended_ms,
            groupUniqArrayArray(call_ids) AS call_ids,
            groupUniqArrayIf(alert_id, alert_id != '') AS alert_ids
        FROM incident_events
        WHERE recorded_at <= as_of
        GROUP BY incident_id
        HAVING NOT max(drill) AND detected_ms >= {from_ms:Int64}
    )
SELECT incident_id, marked_ms, detected_ms, ended_ms, call_ids, arrayFlatten(groupArray(finding_ids)) AS finding_ids
FROM incidents
LEFT ARRAY JOIN alert_ids AS alert_id
LEFT JOIN
(
    SELECT alert_id, groupUniqArray(finding_id) AS finding_ids
    FROM alert_events
    WHERE alert_id IN (SELECT arrayJoin(alert_ids) FROM incidents)
    GROUP BY alert_id
) AS alerts USING (alert_id)
GROUP BY incident_id, marked_ms, detected_ms, ended_ms, call_ids
ORDER BY incident_id
