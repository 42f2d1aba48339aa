-- question: What dashboards/queries/top-denied.sql asks, of every single call.
SELECT agent, server, tool, sumIf(attempts, decision = 'deny') AS denied, sum(attempts) AS total
FROM {table:Identifier}
WHERE ts >= toStartOfMinute(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND ts < fromUnixTimestamp64Milli(intDiv({to_ms:Int64} + 59999, 60000) * 60000, 'UTC')
GROUP BY agent, server, tool
HAVING denied > 0
ORDER BY denied DESC, agent, server, tool
LIMIT 8
