-- question: Which deprecated servers were still called in the window, and by whom?
-- params: window_start_ms, window_end_ms (Unix milliseconds, whole minutes); server: one server, '' for all
-- out: server; owner; actual: calls; expected: 0; agents: the busiest callers, at most 5; first_call, last_call: call ids
-- scans: the counters of the window; calls of the deprecated servers, 4 columns; registry_current
WITH
    deprecated AS
    (
        SELECT server, owner
        FROM registry_current
        WHERE lifecycle = 'deprecated' AND ({server:String} = '' OR server = {server:String})
    ),
    counted AS
    (
        SELECT c.server AS server, toFloat64(sum(c.calls)) AS actual, topKWeighted(5)(c.agent, c.calls) AS agents
        FROM calls_between(from_ms = {window_start_ms:Int64}, to_ms = {window_end_ms:Int64}, step_s = 86400) AS c
        WHERE c.method = 'tools/call' AND c.server IN (SELECT server FROM deprecated)
        GROUP BY c.server
    ),
    ends AS
    (
        SELECT
            c.server AS server,
            argMin(concat(c.producer, '-', toString(c.seq)), c.ts) AS first_call,
            argMax(concat(c.producer, '-', toString(c.seq)), c.ts) AS last_call
        FROM calls AS c
        WHERE c.ts >= fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC')
          AND c.ts < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC')
          AND c.method = 'tools/call' AND c.server IN (SELECT server FROM deprecated)
        GROUP BY c.server
    )
SELECT
    counted.server AS server,
    deprecated.owner AS owner,
    counted.actual AS actual,
    toFloat64(0) AS expected,
    counted.agents AS agents,
    ends.first_call AS first_call,
    ends.last_call AS last_call
FROM counted
INNER JOIN deprecated ON deprecated.server = counted.server
INNER JOIN ends ON ends.server = counted.server
ORDER BY actual DESC, server
LIMIT 100
