-- question: Which task, agent and calls are these findings about?
-- params: finding_ids
-- out: finding_id, task (empty where it is about something else), agent, call_ids, window_start_ms
-- scans: findings, 6 columns
SELECT finding_id, if(entity_kind = 'task', entity, '') AS task, toString(agent) AS agent, call_ids, toUnixTimestamp64Milli(window_start) AS window_start_ms
FROM findings FINAL
WHERE has({finding_ids:Array(String)}, finding_id)
