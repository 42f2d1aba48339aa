-- question: What did tasks do before the window, all of a quiet class and a share of a busy one?
-- params: history_from_ms, window_start_ms (Unix milliseconds); sampled, shares: classes that are sampled, and the share of
--   their tasks that is taken: whole tasks, and the same ones at every run
-- out: unit, class; tokens, acting, tainting in order; the newest first
-- scans: calls from history_from to window_start, 10 columns; memory for the calls that are taken
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
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
            concat(server, '/', tool, '/', if(effect = '', 'unknown', effect)) AS token,
            toUInt8(effect != 'read') AS acts,
            toUInt8(NOT trusted AND outcome = 'ok') AS untrusted
        FROM
        (
            SELECT
                ts, seq, agent, server, tool, toString(effect) AS effect, trusted, outcome, task_id, session_id, trace_id,
                if(task_class != '', toString(task_class), concat('agent:', agent)) AS class,
                parent_span_id != '' AS traced,
                task_id = '' AND session_id = '' AND NOT traced AS loose,
                toUInt8(lagInFrame(ts, 1, toDateTime64(0, 6, 'UTC')) OVER (PARTITION BY agent, loose ORDER BY ts, seq) < ts - INTERVAL 30 MINUTE) AS opens
            FROM calls
            WHERE ts >= history_from AND ts < window_start AND method = 'tools/call' AND tool != '' AND basis != 'imported'
                -- A burst of calls without a name has none to choose it by, so those are taken by the day.
                AND cityHash64(multiIf(task_id != '', task_id, parent_span_id != '', trace_id, session_id != '', session_id, concat(agent, ' ', toString(toDate(ts))))) / 18446744073709551616.
                    < transform(if(task_class != '', toString(task_class), concat('agent:', agent)), {sampled:Array(String)}, {shares:Array(Float64)}, toFloat64(1))
        )
    )
SELECT unit, class, ordered.3 AS tokens, ordered.4 AS acting, ordered.5 AS tainting
FROM
(
    SELECT
        unit,
        argMax(class, ts) AS class,
        arraySort(c -> (c.1, c.2), groupArray(5000)((ts, seq, token, acts, untrusted))) AS ordered,
        max(ts) AS latest
    FROM unit_calls
    GROUP BY unit
)
ORDER BY latest DESC, unit
