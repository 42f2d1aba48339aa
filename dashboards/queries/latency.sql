-- question: How long did tools and the proxy itself take in the range?
-- Parameters: from_ms, to_ms. Out: [p50, p95, p99] in microseconds. Scans: the sketches of the range, days and hours where they fit.
SELECT
    arrayMap(x -> if(isFinite(x), round(x), 0), quantilesTDigestMerge(0.5, 0.95, 0.99)(proxy_us)) AS proxy,
    arrayMap(x -> if(isFinite(x), round(x), 0), quantilesTDigestMerge(0.5, 0.95, 0.99)(upstream_us)) AS upstream
FROM latency_between(from_ms = {from_ms:Int64}, to_ms = {to_ms:Int64}, step_s = 86400)
