-- question: Which slow calls should a person open first?
-- params: recent_from_ms, window_end_ms (Unix milliseconds); server; tool ('' for all of the server's); spender: whose time,
--   'upstream' or 'proxy'; over_us
-- out: first (over the limit), worst (the slowest), latest (over the limit): call ids; '' where none is over the limit
-- scans: calls of one server or tool in the recent window
WITH if({spender:String} = 'proxy', proxy_us, assumeNotNull(upstream_us)) AS spent_us
SELECT
    argMinIf(call_id, (ts, seq), spent_us > {over_us:Float64}) AS first,
    argMax(call_id, (spent_us, ts, seq)) AS worst,
    argMaxIf(call_id, (ts, seq), spent_us > {over_us:Float64}) AS latest
FROM calls
WHERE ts >= fromUnixTimestamp64Milli({recent_from_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC')
    AND method = 'tools/call' AND isNotNull(upstream_us)
    AND server = {server:String} AND ({tool:String} = '' OR tool = {tool:String})
