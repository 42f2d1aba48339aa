-- question: Which calls were allowed by an exception, and whose servers were they?
SELECT ts, call_id, exception_id, agent, server, tool, risk_tier, owner
FROM calls
WHERE basis = 'exception' AND ts > now() - INTERVAL 30 DAY
ORDER BY ts DESC
LIMIT 200
