-- question: What was decided about the task, the approval and the exception of a call, and about its result if that was kept back?
-- Parameters: task_id, approval_id, exception_id, quarantine_id, agent, result_digest (each empty where there is none). Out: events in the order
--   of the journal. Scans: the events of these subjects, and where there is a result_digest those of kind quarantine.held.
WITH kept AS
(
    SELECT subject
    FROM control_events FINAL
    WHERE {result_digest:String} != '' AND kind = 'quarantine.held'
        AND JSONExtractString(json, 'item', 'resultDigest') = {result_digest:String}
        AND JSONExtractString(json, 'item', 'agent') = {agent:String}
        AND JSONExtractString(json, 'item', 'taskId') = {task_id:String}
    ORDER BY at DESC
    LIMIT 1
)
SELECT toUnixTimestamp64Milli(at) AS at_ms, by, kind, json
FROM control_events FINAL
WHERE (subject != '' AND subject IN ({task_id:String}, {approval_id:String}, {exception_id:String}, {quarantine_id:String}) AND kind NOT LIKE 'tool.%')
    OR subject IN (SELECT subject FROM kept)
ORDER BY at, journal, seq
LIMIT 200
