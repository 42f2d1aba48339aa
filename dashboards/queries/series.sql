-- question: How many calls, denials, holds and failures in each step of the range?
-- Parameters: from_ms, to_ms, step_s. Out: t (s), calls, denied, held, failed. Scans: the counters of the range, none coarser than a step.
SELECT
    toUnixTimestamp(toStartOfInterval(at, toIntervalSecond({step_s:UInt32}))) AS t,
    sum(calls) AS total,
    sumIf(calls, decision = 'deny') AS denied,
    sumIf(calls, decision = 'hold') AS held,
    sumIf(calls, outcome IN ('tool_error', 'rpc_error', 'transport_error', 'timeout', 'interrupted')) AS failed
FROM calls_between(from_ms = {from_ms:Int64}, to_ms = {to_ms:Int64}, step_s = {step_s:UInt32})
GROUP BY t
ORDER BY t WITH FILL
    FROM toUnixTimestamp(toStartOfInterval(toDateTime(intDiv({from_ms:Int64}, 1000), 'UTC'), toIntervalSecond({step_s:UInt32})))
    TO toUInt32(intDiv({to_ms:Int64} + 999, 1000))
    STEP {step_s:UInt32}
LIMIT 3000
