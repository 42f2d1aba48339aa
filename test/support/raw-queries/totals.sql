-- question: What dashboards/queries/totals.sql asks, of every single call.
SELECT
    sum(attempts) AS total,
    sumIf(attempts, decision = 'deny') AS denied,
    sumIf(attempts, decision = 'hold') AS held,
    sumIf(attempts, outcome IN ('tool_error', 'rpc_error', 'transport_error', 'timeout', 'interrupted')) AS failed,
    uniqExactIf(agent, agent != '') AS agents,
    uniqExactIf(server, server != '') AS servers
FROM {table:Identifier}
WHERE ts >= toStartOfMinute(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND ts < fromUnixTimestamp64Milli(intDiv({to_ms:Int64} + 59999, 60000) * 60000, 'UTC')
