-- question: Which agents and tools are refused most in the range?
-- Parameters: from_ms, to_ms. Out: at most 8 rows. Scans: calls_1m of the range.
SELECT agent, server, tool, sumIf(c.calls, decision = 'deny') AS denied, sum(c.calls) AS total
FROM calls_1m AS c
WHERE minute >= toStartOfMinute(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND minute < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY agent, server, tool
HAVING denied > 0
ORDER BY denied DESC, agent, server, tool
LIMIT 8
