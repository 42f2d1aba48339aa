-- question: How do each tool's and each server's recent answers compare with those before?
-- params: baseline_from_ms, recent_from_ms, window_end_ms, as_of_ms (Unix milliseconds; hours before the recent ones of
--   incidents that were known then are left out); min_recent, min_baseline: calls below which
--   nothing is compared
-- out: entity_kind, server, tool; calls on both sides; p50 and p90 of the upstream's time, p50 of the proxy's own, now and
--   before, in milliseconds; p10 before; rank_p (one-sided Mann-Whitney: now is slower); baseline_steps (five minutes with calls)
-- scans: incident_hours; calls from baseline_from to window_end, 6 columns, twice
WITH
    fromUnixTimestamp64Milli({baseline_from_ms:Int64}, 'UTC') AS baseline_from,
    fromUnixTimestamp64Milli({recent_from_ms:Int64}, 'UTC') AS recent_from,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    (
        SELECT CAST(groupArray((mark, hours)), 'Map(String, Array(DateTime(\'UTC\')))')
        FROM (SELECT mark, groupUniqArray(hour) AS hours FROM incident_hours(as_of_ms = {as_of_ms:Int64}, from_ms = {baseline_from_ms:Int64}, to_ms = {recent_from_ms:Int64}) GROUP BY mark)
    ) AS left_out,
    -- The rank test fails as a whole where one group has only one side, so those are left out before.
    comparable AS
    (
        SELECT server, entity_tool
        FROM calls
        ARRAY JOIN [toString(tool), ''] AS entity_tool
        WHERE ts >= baseline_from AND ts < window_end AND method = 'tools/call' AND isNotNull(upstream_us)
            AND (ts >= recent_from OR NOT arrayExists(mark -> has(left_out[mark], toStartOfHour(ts)), if(entity_tool = '', [concat('server:', server)], [concat('tool:', server, '/', entity_tool), concat('tools of:', server)])))
        GROUP BY server, entity_tool
        HAVING countIf(ts >= recent_from) >= greatest({min_recent:UInt32}, 1)
            AND countIf(ts < recent_from) >= greatest({min_baseline:UInt32}, 1)
    )
SELECT
    if(entity_tool = '', 'server', 'tool') AS entity_kind,
    server,
    entity_tool AS tool,
    toUInt32(countIf(recent)) AS recent_calls,
    toUInt32(countIf(NOT recent)) AS baseline_calls,
    quantileExactIf(0.5)(upstream, recent) / 1000 AS p50_ms,
    quantileExactIf(0.5)(upstream, NOT recent) / 1000 AS base_p50_ms,
    quantileExactIf(0.1)(upstream, NOT recent) / 1000 AS base_p10_ms,
    quantileExactIf(0.9)(upstream, NOT recent) / 1000 AS base_p90_ms,
    quantileExactIf(0.9)(upstream, recent) / 1000 AS p90_ms,
    quantileExactIf(0.5)(proxy_us, recent) / 1000 AS proxy_p50_ms,
    quantileExactIf(0.5)(proxy_us, NOT recent) / 1000 AS base_proxy_p50_ms,
    mannWhitneyUTest('less')(upstream, toUInt8(recent)).2 AS rank_p,
    toUInt32(uniqExactIf(toStartOfFiveMinutes(ts), NOT recent)) AS baseline_steps
FROM
(
    SELECT server, entity_tool, ts, proxy_us, assumeNotNull(upstream_us) AS upstream, ts >= recent_from AS recent
    FROM calls
    ARRAY JOIN [toString(tool), ''] AS entity_tool
    WHERE ts >= baseline_from AND ts < window_end AND method = 'tools/call' AND isNotNull(upstream_us)
        AND (server, entity_tool) IN (SELECT server, entity_tool FROM comparable)
        AND (ts >= recent_from OR NOT arrayExists(mark -> has(left_out[mark], toStartOfHour(ts)), if(entity_tool = '', [concat('server:', server)], [concat('tool:', server, '/', entity_tool), concat('tools of:', server)])))
)
GROUP BY server, entity_tool
ORDER BY server, tool
