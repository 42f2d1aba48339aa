-- question: What dashboards/queries/latency.sql asks, of every single call and exact.
SELECT
    arrayMap(x -> if(isFinite(x), round(x), 0), quantilesExact(0.5, 0.95, 0.99)(proxy_us)) AS proxy,
    arrayMap(x -> if(isFinite(x), round(x), 0), quantilesExact(0.5, 0.95, 0.99)(assumeNotNull(upstream_us))) AS upstream
FROM {table:Identifier}
WHERE ts >= toStartOfMinute(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND ts < fromUnixTimestamp64Milli(intDiv({to_ms:Int64} + 59999, 60000) * 60000, 'UTC')
    AND method = 'tools/call' AND isNotNull(upstream_us)
