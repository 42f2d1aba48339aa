-- question: Which agents used which tools for the first time in the last day?
SELECT agent, server, tool, min(minute) AS first_seen, sum(c.calls) AS total
FROM calls_1m AS c
WHERE tool != ''
GROUP BY agent, server, tool
HAVING first_seen > now() - INTERVAL 1 DAY
ORDER BY first_seen DESC
LIMIT 100
