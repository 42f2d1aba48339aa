-- question: What happened in the range, in one row?
-- Parameters: from_ms, to_ms. Out: one row of counts. Scans: calls_1m of the range.
SELECT
    sum(c.calls) AS total,
    sumIf(c.calls, decision = 'deny') AS denied,
    sumIf(c.calls, decision = 'hold') AS held,
    sumIf(c.calls, outcome IN ('tool_error', 'rpc_error', 'transport_error', 'timeout', 'interrupted')) AS failed,
    uniqExactIf(agent, agent != '') AS agents,
    uniqExactIf(server, server != '') AS servers
FROM calls_1m AS c
WHERE minute >= toStartOfMinute(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND minute < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
