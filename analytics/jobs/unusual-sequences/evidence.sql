-- question: How often did the task make this transition, and how often does a task of its class make it?
-- params: history_from_ms, window_start_ms, window_end_ms (Unix milliseconds); unit; class; previous and next: the two
--   calls (^ before the first); tasks of the class that were over before the window are the comparison, `share` of them
-- out: actual (in this task), expected (a mean per task of the class), tasks, tasks_with (how many of them made it),
--   expected_high (99% of them made it at most so often)
-- scans: calls of the class from history_from to window_end, 12 columns
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    unit_calls AS
    (
        SELECT
            *,
            multiIf(
                task_id != '', concat('task ', task_id),
                traced, concat('trace ', agent, ' ', trace_id),
                session_id != '', concat('session ', agent, ' ', session_id),
                concat('agent ', agent, ' ', toString(sum(opens) OVER (PARTITION BY agent, loose ORDER BY ts, seq)))
            ) AS unit,
            if(task_class != '', toString(task_class), concat('agent:', agent)) AS class,
            concat(server, '/', tool, '/', if(effect = '', 'unknown', effect)) AS token,
            toUInt8(effect != 'read') AS acts,
            toUInt8(NOT trusted AND outcome = 'ok') AS untrusted
        FROM
        (
            SELECT
                ts, seq, producer, agent, server, tool, toString(effect) AS effect, trusted, outcome, task_id, task_class, session_id, trace_id,
                parent_span_id != '' AS traced,
                task_id = '' AND session_id = '' AND NOT traced AS loose,
                toUInt8(lagInFrame(ts, 1, toDateTime64(0, 6, 'UTC')) OVER (PARTITION BY agent, loose ORDER BY ts, seq) < ts - INTERVAL 30 MINUTE) AS opens
            FROM calls
            WHERE ts >= history_from AND ts < window_end AND method = 'tools/call' AND tool != '' AND basis != 'imported'
                AND if(task_class != '', toString(task_class), concat('agent:', agent)) = {class:String}
                AND (
                    cityHash64(multiIf(task_id != '', task_id, parent_span_id != '', trace_id, session_id != '', session_id, concat(agent, ' ', toString(toDate(ts))))) / 18446744073709551616. < {share:Float64}
                    OR multiIf(task_id != '', concat('task ', task_id), parent_span_id != '', concat('trace ', agent, ' ', trace_id), session_id != '', concat('session ', agent, ' ', session_id), concat('agent ', agent)) = {unit:String}
                    OR (task_id = '' AND parent_span_id = '' AND session_id = '' AND startsWith({unit:String}, concat('agent ', agent, ' ')))
                )
        )
    ),
    transitions AS
    (
        SELECT
            unit,
            argMax(class, ts) AS class,
            max(ts) AS last,
            arrayMap(c -> c.3, arraySort(c -> (c.1, c.2), groupArray(5000)((ts, seq, token)))) AS tokens,
            toFloat64(arrayCount(
                (called, position) -> called = {next:String} AND if(position = 1, '^', tokens[position - 1]) = {previous:String},
                tokens, arrayEnumerate(tokens)
            )) AS times
        FROM unit_calls
        GROUP BY unit
    )
SELECT
    sumIf(times, unit = {unit:String}) AS actual,
    ifNotFinite(avgIf(times, is_other), 0) AS expected,
    toUInt32(countIf(is_other)) AS tasks,
    toUInt32(countIf(is_other AND times > 0)) AS tasks_with,
    ifNotFinite(quantileExactIf(0.99)(times, is_other), 0) AS expected_high
FROM
(
    SELECT *, unit != {unit:String} AND class = {class:String} AND last < window_start AS is_other
    FROM transitions
)
