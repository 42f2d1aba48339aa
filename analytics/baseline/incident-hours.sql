-- question: Which hours of a range belong to a known incident, and whose are they?
-- params: as_of_ms, from_ms, to_ms (Unix milliseconds)
-- out: mark ('agent:a', 'server:s', 'tool:s/t', 'tools of:s', 'task_class:c'), hours (numbered since 1970) with their incident
-- scans: incident_hours
SELECT mark, arraySort(groupUniqArray((toUInt32(intDiv(toUnixTimestamp(hour), 3600)), incident_id))) AS hours
FROM incident_hours(as_of_ms = {as_of_ms:Int64}, from_ms = {from_ms:Int64}, to_ms = {to_ms:Int64})
GROUP BY mark
ORDER BY mark
