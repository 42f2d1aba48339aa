-- question: Which denied calls should a person open first?
-- params: span_start_ms, window_end_ms (Unix milliseconds); agent, or server and tool; '' for the other
-- out: first, worst (the highest risk tier, then the most harmful effect, then the latest), latest: call ids
-- scans: denied calls of one agent or tool in the span
SELECT
    argMin(call_id, (ts, seq)) AS first,
    argMax(call_id, (indexOf(['low', 'medium', 'high'], risk_tier), indexOf(['read', 'write', 'destructive'], effect), ts, seq)) AS worst,
    argMax(call_id, (ts, seq)) AS latest
FROM calls
WHERE ts >= fromUnixTimestamp64Milli({span_start_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC')
    AND decision = 'deny'
    AND method IN ('tools/call', 'resources/read', 'prompts/get')
    AND if({agent:String} != '', agent = {agent:String}, server = {server:String} AND tool = {tool:String})
