-- question: Which agents, tools and server versions have the time that was added?
-- params: baseline_from_ms, recent_from_ms, window_end_ms, as_of_ms (Unix milliseconds; hours before the recent ones of
--   incidents that were known then are left out); server; tool ('' for all of the server's);
--   spender: whose time, 'upstream' or 'proxy'; expected_us: its median before
-- out: dimension, value, window_share and baseline_share (of the calls), excess_share (of all time over the median before)
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
    dimension,
    value,
    recent / sum(recent) OVER (PARTITION BY dimension) AS window_share,
    before / greatest(1, sum(before) OVER (PARTITION BY dimension)) AS baseline_share,
    if(sum(excess) OVER (PARTITION BY dimension) = 0, 0, excess / sum(excess) OVER (PARTITION BY dimension)) AS excess_share
FROM
(
    SELECT
        part.1 AS dimension,
        part.2 AS value,
        countIf(ts >= recent_from) AS recent,
        countIf(ts < recent_from) AS before,
        sumIf(toFloat64(if({spender:String} = 'proxy', proxy_us, assumeNotNull(upstream_us))) - {expected_us:Float64}, ts >= recent_from) AS excess
    FROM calls
    ARRAY JOIN [('tool', concat(server, '/', tool)), ('agent', toString(agent)), ('server_version', toString(server_version))] AS part
    WHERE ts >= baseline_from AND ts < window_end AND (ts >= recent_from OR NOT has(left_out, toStartOfHour(ts))) AND method = 'tools/call' AND isNotNull(upstream_us)
        AND server = {server:String} AND ({tool:String} = '' OR tool = {tool:String})
        AND part.2 != '' AND NOT ({tool:String} != '' AND part.1 = 'tool')
    GROUP BY dimension, value
)
WHERE recent > 0
ORDER BY excess_share DESC, dimension, value
LIMIT 5
