-- question: Which exceptions let calls to high-risk servers through?
-- Parameters: from_ms, to_ms. Out: exception_id, agent, server, owner, calls. Scans: calls of the range.
SELECT exception_id, agent, server, any(owner) AS server_owner, sum(attempts) AS total
FROM calls
WHERE basis = 'exception' AND risk_tier = 'high' AND ts >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY exception_id, agent, server
ORDER BY total DESC, exception_id
LIMIT 500
