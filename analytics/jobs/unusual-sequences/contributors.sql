-- question: Who makes this transition in tasks of this class, now and before?
-- params: look_back_from_ms, window_start_ms, window_end_ms (Unix milliseconds); class; previous and next: the two calls
--   (^ before the first)
-- out: dimension, value, now, before: transitions with the second call in the window, and before it
-- scans: calls from look_back_from to window_end, 12 columns; a day, since who makes it changes slowly
WITH
    fromUnixTimestamp64Milli({look_back_from_ms:Int64}, 'UTC') AS look_back_from,
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
                concat('agent ', agent, ' ', toString(max(if(opens, ts, toDateTime64(0, 6, 'UTC'))) OVER (PARTITION BY agent, loose ORDER BY ts, seq)))
            ) AS unit,
            if(task_class != '', toString(task_class), concat('agent:', agent)) AS class,
            concat(server, '/', tool, '/', if(effect = '', 'unknown', effect)) AS token,
            toUInt8(effect != 'read') AS acts,
            toUInt8(NOT trusted AND outcome = 'ok') AS untrusted
        FROM
        (
            SELECT
                ts, seq, producer, agent, server, tool, toString(effect) AS effect, trusted, outcome, decision, task_id, task_class, session_id, trace_id,
                parent_span_id != '' AS traced,
                task_id = '' AND session_id = '' AND NOT traced AS loose,
                toUInt8(lagInFrame(ts, 1, toDateTime64(0, 6, 'UTC')) OVER (PARTITION BY agent, loose ORDER BY ts, seq) < ts - INTERVAL 30 MINUTE) AS opens
            FROM calls
            WHERE ts >= look_back_from AND ts < window_end AND method = 'tools/call' AND tool != '' AND basis != 'imported'
        )
    )
SELECT part.1 AS dimension, part.2 AS value, toUInt32(countIf(ts >= window_start)) AS now, toUInt32(countIf(ts < window_start)) AS before
FROM
(
    SELECT ts, agent, decision, class, unit, token, lagInFrame(token, 1, '^') OVER (PARTITION BY unit ORDER BY ts, seq) AS came_from
    FROM unit_calls
)
ARRAY JOIN [('agent', toString(agent)), ('decision', toString(decision))] AS part
WHERE class = {class:String} AND token = {next:String} AND came_from = {previous:String}
GROUP BY dimension, value
HAVING now > 0
ORDER BY now DESC, dimension, value
LIMIT 5
