-- question: Which calls show when an agent or server was last busy?
-- params: from_ms, to_ms (Unix milliseconds); agent or server, '' for the other
-- out: first, latest: call ids, none where there is no call
-- scans: calls of one agent or server in the stretch
SELECT argMin(call_id, (ts, seq)) AS first, argMax(call_id, (ts, seq)) AS latest
FROM calls
WHERE ts >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND method IN ('tools/call', 'resources/read', 'prompts/get')
    AND if({agent:String} != '', agent = {agent:String}, server = {server:String})
HAVING count() > 0
