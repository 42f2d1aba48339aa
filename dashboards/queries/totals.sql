-- question: What happened in the range, in one row?
-- Parameters: from_ms, to_ms. Out: one row of counts. Scans: the counters of the range, days and hours where they fit.
SELECT
    sum(c.calls) AS total,
    sumIf(c.calls, decision = 'deny') AS denied,
    sumIf(c.calls, decision = 'hold') AS held,
    sumIf(c.calls, outcome IN ('tool_error', 'rpc_error', 'transport_error', 'timeout', 'interrupted')) AS failed,
    uniqExactIf(agent, agent != '') AS agents,
    uniqExactIf(server, server != '') AS servers
FROM calls_between(from_ms = {from_ms:Int64}, to_ms = {to_ms:Int64}, step_s = 86400) AS c
