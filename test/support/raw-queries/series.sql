-- question: What dashboards/queries/series.sql asks, of every single call.
SELECT
    toUnixTimestamp(toStartOfInterval(ts, toIntervalSecond({step_s:UInt32}))) AS t,
    sum(attempts) AS total,
    sumIf(attempts, decision = 'deny') AS denied,
    sumIf(attempts, decision = 'hold') AS held,
    sumIf(attempts, outcome IN ('tool_error', 'rpc_error', 'transport_error', 'timeout', 'interrupted')) AS failed
FROM {table:Identifier}
WHERE ts >= toStartOfMinute(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND ts < fromUnixTimestamp64Milli(intDiv({to_ms:Int64} + 59999, 60000) * 60000, 'UTC')
GROUP BY t
ORDER BY t WITH FILL
    FROM toUnixTimestamp(toStartOfInterval(toDateTime(intDiv({from_ms:Int64}, 1000), 'UTC'), toIntervalSecond({step_s:UInt32})))
    TO toUInt32(intDiv({to_ms:Int64} + 999, 1000))
    STEP {step_s:UInt32}
LIMIT 3000
