-- question: How long did tools and the proxy itself take in the range?
-- Parameters: from_ms, to_ms. Out: [p50, p95, p99] in microseconds. Scans: the sketches of the range, days and hours where they fit.
-- A range of a day or more is taken to whole hours: the minutes at its ends took as long to find as all of the rest.
SELECT
    arrayMap(x -> if(isFinite(x), round(x), 0), quantilesTDigestMerge(0.5, 0.95, 0.99)(proxy_us)) AS proxy,
    arrayMap(x -> if(isFinite(x), round(x), 0), quantilesTDigestMerge(0.5, 0.95, 0.99)(upstream_us)) AS upstream
FROM latency_between(
    from_ms = if({to_ms:Int64} - {from_ms:Int64} < 86400000, {from_ms:Int64}, intDiv({from_ms:Int64}, 3600000) * 3600000),
    to_ms = if({to_ms:Int64} - {from_ms:Int64} < 86400000, {to_ms:Int64}, intDiv({to_ms:Int64} + 3599999, 3600000) * 3600000),
    step_s = 86400)
