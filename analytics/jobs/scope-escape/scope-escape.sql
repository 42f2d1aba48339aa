-- question: Which tasks tried to call, or called, what they were not opened for, or went on after their end?
-- params: window_start_ms, window_end_ms (Unix milliseconds); grace_ms: clocks of two machines may differ so much; most: so many
-- out: unit, class, agent, task_id, session_id, server, tool; how: the reason that it was refused with, or 'outside_scope' or
--   'after_end' for a call that was let through; did: whether it was; actual: calls; first, latest: call ids
-- scans: calls of the window, 14 columns; the tasks that had a call in it
WITH
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end
SELECT
    multiIf(
        c.task_id != '', concat('task ', c.task_id),
        c.parent_span_id != '', concat('trace ', c.agent, ' ', c.trace_id),
        c.session_id != '', concat('session ', c.agent, ' ', c.session_id),
        concat('agent ', c.agent)
    ) AS unit,
    if(c.task_class != '', toString(c.task_class), concat('agent:', c.agent)) AS class,
    any(c.agent) AS some_agent,
    any(c.task_id) AS some_task,
    any(c.session_id) AS some_session,
    c.server AS server,
    c.tool AS tool,
    multiIf(
        c.reason IN ('task_scope', 'task_class_not_approved', 'task_closed', 'task_expired'), toString(c.reason),
        t.task_id = '' OR c.decision != 'allow', '',
        c.ts >= t.ended_at + toIntervalMillisecond({grace_ms:Int64}), 'after_end',
        notEmpty(t.servers) AND NOT has(t.servers, toString(c.server)), 'outside_scope',
        notEmpty(t.tools) AND c.tool != '' AND NOT has(t.tools, toString(c.tool)), 'outside_scope',
        ''
    ) AS how,
    toUInt8(max(c.decision = 'allow')) AS did,
    toFloat64(sum(c.attempts)) AS actual,
    argMin(concat(c.producer, '-', toString(c.seq)), (c.ts, c.seq)) AS first,
    argMax(concat(c.producer, '-', toString(c.seq)), (c.ts, c.seq)) AS latest
FROM calls AS c
LEFT JOIN
(
    SELECT task_id, ended_at, servers, tools
    FROM tasks_current
    WHERE task_id IN (SELECT task_id FROM calls WHERE ts >= window_start AND ts < window_end AND task_id != '' AND decision = 'allow')
) AS t ON t.task_id = c.task_id
WHERE c.ts >= window_start AND c.ts < window_end
    AND c.method IN ('tools/call', 'resources/read', 'prompts/get')
GROUP BY unit, class, server, tool, how
HAVING how != ''
ORDER BY did DESC, actual DESC, unit, server, tool, how
LIMIT {most:UInt32}
