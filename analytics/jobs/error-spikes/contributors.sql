-- question: Among which kinds of error, tools, agents and versions are a server's or tool's failures, now and before?
-- params: history_from_ms, history_to_ms, span_start_ms, window_end_ms, as_of_ms (Unix milliseconds; hours of
--   incidents that were known then are no history); server; tool ('' for all of the
--   server's); agent ('' here)
-- out: dimension, value, hits, hits_before (failed calls); the six values with the most failures now of each dimension
-- scans: incident_hours; failed calls of one server or tool from history_from to window_end, 10 columns
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({history_to_ms:Int64}, 'UTC') AS history_to,
    fromUnixTimestamp64Milli({span_start_ms:Int64}, 'UTC') AS span_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    (
        SELECT groupUniqArray(hour)
        FROM incident_hours(as_of_ms = {as_of_ms:Int64}, from_ms = {history_from_ms:Int64}, to_ms = {history_to_ms:Int64})
        WHERE has(if({tool:String} = '', [concat('server:', {server:String})], [concat('tool:', {server:String}, '/', {tool:String}), concat('tools of:', {server:String})]), mark)
    ) AS left_out
SELECT
    part.1 AS dimension,
    part.2 AS value,
    toUInt32(sumIf(attempts, ts >= span_start)) AS hits,
    toUInt32(sumIf(attempts, ts < history_to AND NOT has(left_out, toStartOfHour(ts)))) AS hits_before
FROM calls
ARRAY JOIN [
    ('error_type', if(error_type = '', toString(outcome), toString(error_type))),
    ('rpc_code', toString(rpc_code)),
    ('upstream_status', if(upstream_status < 400, '', toString(upstream_status))),
    ('tool', if(tool = '', '', concat(server, '/', tool))),
    ('agent', toString(agent)),
    ('server_version', toString(server_version))
] AS part
WHERE ts >= history_from AND ts < window_end
    AND outcome IN ('tool_error', 'rpc_error', 'transport_error', 'timeout')
    AND method IN ('tools/call', 'resources/read', 'prompts/get')
    AND server = {server:String} AND ({tool:String} = '' OR tool = {tool:String})
    AND ({agent:String} = '' OR agent = {agent:String})
    AND part.2 != ''
GROUP BY dimension, value
HAVING hits > 0
ORDER BY dimension, hits DESC, value
LIMIT 6 BY dimension
