-- question: Which servers did agents ask the proxy for that the registry did not have?
-- Parameters: since_ms. Out: server, calls, agents (at most ten), agent_count, last_seen_ms; at most 200 rows, most asked for first.
-- Scans: the calls since then.
SELECT
    server,
    toUInt32(sum(attempts)) AS calls,
    arraySort(groupUniqArray(10)(agent)) AS agents,
    toUInt32(uniqExact(agent)) AS agent_count,
    toFloat64(toUnixTimestamp64Milli(toDateTime64(max(ts), 3, 'UTC'))) AS last_seen_ms
FROM calls
WHERE reason = 'unknown_server' AND server != '' AND ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
GROUP BY server
ORDER BY calls DESC, server
LIMIT 200
