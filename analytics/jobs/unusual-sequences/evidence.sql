-- question: How often did the task make this transition, and how often does a task of its class make it?
-- params: look_back_from_ms, window_end_ms (Unix milliseconds); unit, with its task_id and agent, by which its calls are found;
--   version (of the sequence model); class; previous and next: the two calls (^ before the first)
-- out: actual (in this task), expected (a mean per task of the class that the version learnt from), tasks (so many),
--   transitions (so often in all of them)
-- scans: calls from look_back_from to window_end of the task, 11 columns; sequence_transitions of the class
WITH
    fromUnixTimestamp64Milli({look_back_from_ms:Int64}, 'UTC') AS look_back_from,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    unit_calls AS
    (
        SELECT
            *,
            multiIf(
                task_id != '', concat('task ', task_id),
                traced, concat('trace ', agent, ' ', trace_id),
                session_id != '', concat('session ', agent, ' ', session_id),
                concat('agent ', agent, ' ', toString(max(if(opens, ts, toDateTime64(0, 6, 'UTC'))) OVER (PARTITION BY agent, loose ORDER BY ts, seq)))
            ) AS unit,
            concat(server, '/', tool, '/', if(effect = '', 'unknown', effect)) AS token
        FROM
        (
            SELECT
                ts, seq, agent, server, tool, toString(effect) AS effect, task_id, session_id, trace_id,
                parent_span_id != '' AS traced,
                task_id = '' AND session_id = '' AND NOT traced AS loose,
                toUInt8(lagInFrame(ts, 1, toDateTime64(0, 6, 'UTC')) OVER (PARTITION BY agent, loose ORDER BY ts, seq) < ts - INTERVAL 30 MINUTE) AS opens
            FROM calls
            WHERE ts >= look_back_from AND ts < window_end AND method = 'tools/call' AND tool != '' AND basis != 'imported'
                AND task_id = {task_id:String} AND (task_id != '' OR agent = {agent:String})
        )
    ),
    (
        SELECT toFloat64(countIf(token = {next:String} AND came_from = {previous:String}))
        FROM (SELECT unit, token, lagInFrame(token, 1, '^') OVER (PARTITION BY unit ORDER BY ts, seq) AS came_from FROM unit_calls)
        WHERE unit = {unit:String}
    ) AS in_task
SELECT
    in_task AS actual,
    if(tasks = 0, 0, transitions / tasks) AS expected,
    toFloat64(sumIf(count, context = '^')) AS tasks,
    toFloat64(sumIf(count, context = {previous:String} AND next = {next:String})) AS transitions
FROM sequence_transitions FINAL
WHERE version = {version:String} AND task_class = {class:String} AND kind = 'transition' AND context IN ('^', {previous:String})
