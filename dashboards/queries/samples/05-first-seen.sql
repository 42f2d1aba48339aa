-- question: Which agents used which tools for the first time in the last day?
SELECT agent, server, tool, min(at) AS first_seen, sum(c.calls) AS total
FROM calls_between(from_ms = toUnixTimestamp(now() - INTERVAL 400 DAY) * 1000, to_ms = toUnixTimestamp(now()) * 1000, step_s = 3600) AS c
WHERE tool != ''
GROUP BY agent, server, tool
HAVING first_seen > now() - INTERVAL 1 DAY
ORDER BY first_seen DESC
LIMIT 100
