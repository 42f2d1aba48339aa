-- question: How long did the upstream take, or the proxy itself, now and before?
-- params: baseline_from_ms, recent_from_ms, window_end_ms, as_of_ms (Unix milliseconds; hours before the recent ones of
--   incidents that were known then are left out); server; tool ('' for all of the server's);
--   quantile (0.5 is the median, else 0.9); spender: whose time actual and expected are, 'upstream' or 'proxy'
-- out: actual, expected (milliseconds at that quantile), calls, baseline_calls; upstream_ms, baseline_upstream_ms, proxy_ms and
--   baseline_proxy_ms at it: the proxy's own time is what it works and queues
-- scans: incident_hours; calls of one server or tool from baseline_from to window_end
WITH
    fromUnixTimestamp64Milli({baseline_from_ms:Int64}, 'UTC') AS baseline_from,
    fromUnixTimestamp64Milli({recent_from_ms:Int64}, 'UTC') AS recent_from,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    (
        SELECT groupUniqArray(hour)
        FROM incident_hours(as_of_ms = {as_of_ms:Int64}, from_ms = {baseline_from_ms:Int64}, to_ms = {recent_from_ms:Int64})
        WHERE has(if({tool:String} = '', [concat('server:', {server:String})], [concat('tool:', {server:String}, '/', {tool:String}), concat('tools of:', {server:String})]), mark)
    ) AS left_out
SELECT
    if({spender:String} = 'proxy', proxy_ms, upstream_ms) AS actual,
    if({spender:String} = 'proxy', baseline_proxy_ms, baseline_upstream_ms) AS expected,
    toUInt32(countIf(ts >= recent_from)) AS calls,
    toUInt32(countIf(ts < recent_from)) AS baseline_calls,
    quantilesExactIf(0.5, 0.9)(assumeNotNull(upstream_us), ts >= recent_from)[if({quantile:Float64} = 0.5, 1, 2)] / 1000 AS upstream_ms,
    quantilesExactIf(0.5, 0.9)(assumeNotNull(upstream_us), ts < recent_from)[if({quantile:Float64} = 0.5, 1, 2)] / 1000 AS baseline_upstream_ms,
    quantilesExactIf(0.5, 0.9)(proxy_us, ts >= recent_from)[if({quantile:Float64} = 0.5, 1, 2)] / 1000 AS proxy_ms,
    quantilesExactIf(0.5, 0.9)(proxy_us, ts < recent_from)[if({quantile:Float64} = 0.5, 1, 2)] / 1000 AS baseline_proxy_ms
FROM calls
WHERE ts >= baseline_from AND ts < window_end AND (ts >= recent_from OR NOT has(left_out, toStartOfHour(ts))) AND method = 'tools/call' AND isNotNull(upstream_us)
    AND server = {server:String} AND ({tool:String} = '' OR tool = {tool:String})
