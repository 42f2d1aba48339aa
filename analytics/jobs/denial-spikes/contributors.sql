-- question: Among which agents, tools, servers, reasons and policies are an entity's denials, now and before?
-- params: history_from_ms, history_to_ms, span_start_ms, window_end_ms, as_of_ms (Unix milliseconds; hours of
--   incidents that were known then are no history); agent, or server and tool; '' for the other
-- out: dimension, value, hits, hits_before (denied calls); the six values with the most denials now of each dimension
-- scans: incident_hours; denied calls of one agent or tool from history_from to window_end, 8 columns
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({history_to_ms:Int64}, 'UTC') AS history_to,
    fromUnixTimestamp64Milli({span_start_ms:Int64}, 'UTC') AS span_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    (
        SELECT groupUniqArray(hour)
        FROM incident_hours(as_of_ms = {as_of_ms:Int64}, from_ms = {history_from_ms:Int64}, to_ms = {history_to_ms:Int64})
        WHERE has(if({agent:String} != '', [concat('agent:', {agent:String})], [concat('tool:', {server:String}, '/', {tool:String}), concat('tools of:', {server:String})]), mark)
    ) AS left_out
SELECT
    part.1 AS dimension,
    part.2 AS value,
    toUInt32(sumIf(attempts, ts >= span_start)) AS hits,
    toUInt32(sumIf(attempts, ts < history_to AND NOT has(left_out, toStartOfHour(ts)))) AS hits_before
FROM calls
ARRAY JOIN arrayConcat(
    [
        ('agent', toString(agent)),
        ('tool', if(tool = '', '', concat(server, '/', tool))),
        ('server', toString(server)),
        ('reason', toString(reason))
    ],
    arrayMap(id -> ('policy', toString(id)), policy_ids)
) AS part
WHERE ts >= history_from AND ts < window_end AND decision = 'deny'
    AND method IN ('tools/call', 'resources/read', 'prompts/get')
    AND if({agent:String} != '', agent = {agent:String}, server = {server:String} AND tool = {tool:String})
    AND part.2 != ''
GROUP BY dimension, value
HAVING hits > 0
ORDER BY dimension, hits DESC, value
LIMIT 6 BY dimension
