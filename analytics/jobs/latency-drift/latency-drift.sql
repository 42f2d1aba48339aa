-- question: How do each tool's and each server's recent answers compare with those before?
-- params: baseline_from_ms, recent_from_ms, window_end_ms (Unix milliseconds); min_recent, min_baseline: calls below which
--   nothing is compared; out_marks, out_from, out_to: hours of known incidents (numbered since 1970, half-open), left out before
-- out: entity_kind, server, tool; calls on both sides; upstream and proxy (its own time): [p50, p90 now, p10, p50, p90 before] in
--   milliseconds, and rank_p of each (one-sided Mann-Whitney: now is slower); baseline_steps (five minutes with calls)
-- scans: calls from baseline_from to window_end, 6 columns, twice
WITH
    fromUnixTimestamp64Milli({baseline_from_ms:Int64}, 'UTC') AS baseline_from,
    fromUnixTimestamp64Milli({recent_from_ms:Int64}, 'UTC') AS recent_from,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    -- The rank test fails as a whole where one group has only one side, so those are left out before.
    comparable AS
    (
        SELECT server, entity_tool
        FROM calls
        ARRAY JOIN [toString(tool), ''] AS entity_tool
        WHERE ts >= baseline_from AND ts < window_end AND method = 'tools/call' AND isNotNull(upstream_us)
            AND (ts >= recent_from OR NOT arrayExists((mark, from_hour, to_hour) -> toUnixTimestamp(ts) >= from_hour * 3600 AND toUnixTimestamp(ts) < to_hour * 3600
            AND has(if(entity_tool = '', [concat('server:', server)], [concat('tool:', server, '/', entity_tool), concat('tools of:', server)]), mark), {out_marks:Array(String)}, {out_from:Array(UInt32)}, {out_to:Array(UInt32)}))
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
    arrayMap(us -> us / 1000, arrayConcat(quantilesExactIf(0.5, 0.9)(upstream, recent), quantilesExactIf(0.1, 0.5, 0.9)(upstream, NOT recent))) AS upstream_ms,
    arrayMap(us -> us / 1000, arrayConcat(quantilesExactIf(0.5, 0.9)(proxy_us, recent), quantilesExactIf(0.1, 0.5, 0.9)(proxy_us, NOT recent))) AS proxy_ms,
    mannWhitneyUTest('less')(upstream, toUInt8(recent)).2 AS upstream_rank,
    mannWhitneyUTest('less')(proxy_us, toUInt8(recent)).2 AS proxy_rank,
    -- Of times that are all the same the test says nothing.
    if(isNaN(upstream_rank), 1, upstream_rank) AS upstream_rank_p,
    if(isNaN(proxy_rank), 1, proxy_rank) AS proxy_rank_p,
    toUInt32(uniqExactIf(toStartOfFiveMinutes(ts), NOT recent)) AS baseline_steps
FROM
(
    SELECT server, entity_tool, ts, proxy_us, assumeNotNull(upstream_us) AS upstream, ts >= recent_from AS recent
    FROM calls
    ARRAY JOIN [toString(tool), ''] AS entity_tool
    WHERE ts >= baseline_from AND ts < window_end AND method = 'tools/call' AND isNotNull(upstream_us)
        AND (server, entity_tool) IN (SELECT server, entity_tool FROM comparable)
        AND (ts >= recent_from OR NOT arrayExists((mark, from_hour, to_hour) -> toUnixTimestamp(ts) >= from_hour * 3600 AND toUnixTimestamp(ts) < to_hour * 3600
            AND has(if(entity_tool = '', [concat('server:', server)], [concat('tool:', server, '/', entity_tool), concat('tools of:', server)]), mark), {out_marks:Array(String)}, {out_from:Array(UInt32)}, {out_to:Array(UInt32)}))
)
GROUP BY server, entity_tool
ORDER BY server, tool
