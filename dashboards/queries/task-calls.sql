-- question: The calls of the same task around a call, in order.
-- Parameters: task_id, from_ms, to_ms, limit. Out: list columns. Scans: the task's granules of that time.
SELECT call_id, toUnixTimestamp64Micro(ts) AS ts_us, server, tool, method, decision, attempts, outcome, duration_us
FROM calls
WHERE task_id = {task_id:String} AND ts >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
ORDER BY ts, call_id
LIMIT 1 BY producer, seq
LIMIT {limit:UInt32}
