-- question: Who makes this transition in tasks of this class, now and before?
-- params: history_from_ms, window_start_ms, window_end_ms (Unix milliseconds); class; previous and next: the two calls
--   (^ before the first); share of the class's tasks that is looked at, besides those of the window
-- out: dimension, value, now, before: transitions with the second call in the window, and before it
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
                ts, seq, producer, agent, server, tool, toString(effect) AS effect, trusted, outcome, decision, task_id, task_class, session_id, trace_id,
                parent_span_id != '' AS traced,
                task_id = '' AND session_id = '' AND NOT traced AS loose,
                toUInt8(lagInFrame(ts, 1, toDateTime64(0, 6, 'UTC')) OVER (PARTITION BY agent, loose ORDER BY ts, seq) < ts - INTERVAL 30 MINUTE) AS opens
            FROM calls
            WHERE ts >= history_from AND ts < window_end AND method = 'tools/call' AND tool != '' AND basis != 'imported'
                AND if(task_class != '', toString(task_class), concat('agent:', agent)) = {class:String}
                AND (
                    cityHash64(multiIf(task_id != '', task_id, parent_span_id != '', trace_id, session_id != '', session_id, concat(agent, ' ', toString(toDate(ts))))) / 18446744073709551616. < {share:Float64}
                    OR (task_id, if(task_id = '', session_id, ''), if(task_id = '', agent, '')) IN (
                        SELECT task_id, if(task_id = '', session_id, ''), if(task_id = '', agent, '')
                        FROM calls
                        WHERE ts >= window_start AND ts < window_end AND method = 'tools/call'
                    )
                )
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
