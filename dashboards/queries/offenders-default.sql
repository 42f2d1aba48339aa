-- question: Which traffic was decided by default, because no rule matched?
-- Parameters: from_ms, to_ms. Out: agent, server, tool, decision, calls. Scans: calls_1m of the range.
SELECT agent, server, tool, decision, sum(c.calls) AS total
FROM calls_1m AS c
WHERE basis = 'default' AND method = 'tools/call' AND minute >= toStartOfMinute(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND minute < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY agent, server, tool, decision
ORDER BY total DESC, agent, server, tool
LIMIT 500
