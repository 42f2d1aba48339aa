-- question: Where does the time go: p50, p95 and p99 of each tool in the last day, in milliseconds?
SELECT server, tool, sum(c.calls) AS total, arrayMap(x -> round(x / 1000, 1), quantilesTDigestMerge(0.5, 0.95, 0.99)(upstream_us)) AS upstream_ms
FROM latency_between(from_ms = toUnixTimestamp(now() - INTERVAL 1 DAY) * 1000, to_ms = toUnixTimestamp(now()) * 1000, step_s = 86400) AS c
GROUP BY server, tool
ORDER BY total DESC
LIMIT 50
