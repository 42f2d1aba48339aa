-- question: Where does the time go: p50, p95 and p99 of each tool in the last day, in milliseconds?
SELECT server, tool, sum(c.calls) AS total, arrayMap(x -> round(x / 1000, 1), quantilesTDigestMerge(0.5, 0.95, 0.99)(upstream_us)) AS upstream_ms
FROM latency_1m AS c
WHERE minute > now() - INTERVAL 1 DAY
GROUP BY server, tool
ORDER BY total DESC
LIMIT 50
