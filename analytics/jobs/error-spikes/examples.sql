-- question: Which failed calls should a person open first?
-- params: span_start_ms, window_end_ms (Unix milliseconds); server; tool ('' for all of the server's); agent ('' here)
-- out: first, worst (the most harmful effect, then the slowest), latest: call ids
-- scans: failed calls of one server or tool in the span
SELECT
    argMin(call_id, (ts, seq)) AS first,
    argMax(call_id, (indexOf(['read', 'write', 'destructive'], effect), duration_us, ts, seq)) AS worst,
    argMax(call_id, (ts, seq)) AS latest
FROM calls
WHERE ts >= fromUnixTimestamp64Milli({span_start_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC')
    AND outcome IN ('tool_error', 'rpc_error', 'transport_error', 'timeout')
    AND method IN ('tools/call', 'resources/read', 'prompts/get')
    AND server = {server:String} AND ({tool:String} = '' OR tool = {tool:String})
    AND ({agent:String} = '' OR agent = {agent:String})
