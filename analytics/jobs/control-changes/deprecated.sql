-- question: Which deprecated servers were still called in the window, and by whom?
-- params: window_start_ms, window_end_ms (Unix milliseconds); server: one server, '' for all
-- out: server; owner; actual: calls; expected: 0; agents: the busiest callers, at most 5; first_call, last_call: call ids
-- scans: calls of the window, 6 columns; registry_current
SELECT
    c.server AS server,
    any(r.owner) AS owner,
    toFloat64(sum(c.attempts)) AS actual,
    toFloat64(0) AS expected,
    topKWeighted(5)(c.agent, c.attempts) AS agents,
    argMin(concat(c.producer, '-', toString(c.seq)), c.ts) AS first_call,
    argMax(concat(c.producer, '-', toString(c.seq)), c.ts) AS last_call
FROM calls AS c
INNER JOIN registry_current AS r ON r.server = c.server AND r.lifecycle = 'deprecated'
WHERE c.ts >= fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC')
  AND c.ts < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC')
  AND c.method = 'tools/call'
  AND ({server:String} = '' OR c.server = {server:String})
GROUP BY c.server
ORDER BY actual DESC
LIMIT 100
