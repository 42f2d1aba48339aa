-- question: How often did the piece of work leave its scope in this way, and how often does work of its class?
-- params: history_from_ms, window_start_ms, window_end_ms, grace_ms (Unix milliseconds); unit, class, server, tool, how: as found
-- out: actual; expected: a mean over the class's work before the window, 0 where there was none; units: how much work there
--   was; units_with: how much of it did the same; expected_high: 99% of it stayed at or under
-- scans: calls of one class from history_from to window_end, 12 columns; the tasks of the window
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end
SELECT
    sum(now) AS actual,
    if(units = 0, 0, avgIf(before, is_other)) AS expected,
    toUInt32(countIf(is_other)) AS units,
    toUInt32(countIf(is_other AND before > 0)) AS units_with,
    if(units = 0, 0, quantileExactIf(0.99)(before, is_other)) AS expected_high
FROM
(
    SELECT
        multiIf(
            c.task_id != '', concat('task ', c.task_id),
            c.parent_span_id != '', concat('trace ', c.agent, ' ', c.trace_id),
            c.session_id != '', concat('session ', c.agent, ' ', c.session_id),
            concat('agent ', c.agent)
        ) AS unit,
        toFloat64(sumIf(c.attempts, unit = {unit:String} AND c.ts >= window_start AND c.server = {server:String} AND c.tool = {tool:String} AND how = {how:String})) AS now,
        toFloat64(sumIf(c.attempts, c.ts < window_start AND c.server = {server:String} AND c.tool = {tool:String} AND how = {how:String})) AS before,
        unit != {unit:String} AND min(c.ts) < window_start AS is_other
    FROM
    (
        SELECT
            c.*,
            multiIf(
                c.reason IN ('task_scope', 'task_class_not_approved', 'task_closed', 'task_expired'), toString(c.reason),
                t.task_id = '' OR c.decision != 'allow', '',
                c.ts >= t.ended_at + toIntervalMillisecond({grace_ms:Int64}), 'after_end',
                notEmpty(t.servers) AND NOT has(t.servers, toString(c.server)), 'outside_scope',
                notEmpty(t.tools) AND c.tool != '' AND NOT has(t.tools, toString(c.tool)), 'outside_scope',
                ''
            ) AS how
        FROM
        (
            SELECT ts, seq, producer, server, tool, agent, task_id, session_id, trace_id, parent_span_id, decision, reason, attempts
            FROM calls
            WHERE ts >= history_from AND ts < window_end
                AND method IN ('tools/call', 'resources/read', 'prompts/get')
                AND if(task_class != '', toString(task_class), concat('agent:', agent)) = {class:String}
        ) AS c
        LEFT JOIN tasks_current AS t ON t.task_id = c.task_id
    ) AS c
    GROUP BY unit
)
