-- question: How long did tools and the proxy itself take in the range?
-- Parameters: from_ms, to_ms. Out: [p50, p95, p99] in microseconds. Scans: latency_1m of the range.
SELECT
    arrayMap(x -> if(isFinite(x), round(x), 0), quantilesTDigestMerge(0.5, 0.95, 0.99)(proxy_us)) AS proxy,
    arrayMap(x -> if(isFinite(x), round(x), 0), quantilesTDigestMerge(0.5, 0.95, 0.99)(upstream_us)) AS upstream
FROM latency_1m
WHERE minute >= toStartOfMinute(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND minute < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
