-- question: What did the tasks do that had a call in a stretch of time?
-- params: history_from_ms, from_ms, to_ms (Unix milliseconds); most: so many, the newest
-- out: unit, class, agent, task_id, task_class, session_id; tokens, acting, tainting, call_ids in order; before: how many
--   of the calls came before from_ms
-- scans: calls from history_from to to_ms, 12 columns; memory for the calls of all units
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AS from_time,
    fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC') AS to_time,
    -- Only these are gathered: everything else of the history would be sorted for nothing.
    newest AS
    (
        SELECT task_id, if(task_id = '', session_id, '') AS session, if(task_id = '', agent, '') AS loose_agent
        FROM calls
        WHERE ts >= from_time AND ts < to_time AND method = 'tools/call' AND tool != '' AND basis != 'imported'
        GROUP BY task_id, session, loose_agent
        ORDER BY max(ts) DESC
        LIMIT {most:UInt32}
    ),
    -- A call belongs to its task; without one to the trace that its client put it in, which spans servers as sessions do
    -- not; then to its session; without any of these to a burst of its agent's calls that no pause of 30 minutes interrupts.
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
            WHERE ts >= history_from AND ts < to_time AND method = 'tools/call' AND tool != '' AND basis != 'imported'
                -- The first by the index on tasks, the second exactly.
                AND task_id IN (SELECT task_id FROM newest)
                AND (task_id, if(task_id = '', session_id, ''), if(task_id = '', agent, '')) IN (SELECT task_id, session, loose_agent FROM newest)
        )
    )
SELECT unit, class, agent, task_id, task_class, session_id, before, ordered.3 AS tokens, ordered.4 AS acting, ordered.5 AS tainting, ordered.6 AS call_ids
FROM
(
    SELECT
        unit,
        argMax(class, ts) AS class,
        argMax(agent, ts) AS agent,
        any(task_id) AS task_id,
        argMax(task_class, ts) AS task_class,
        any(session_id) AS session_id,
        arraySort(c -> (c.1, c.2), groupArray(5000)((ts, seq, token, acts, untrusted, concat(producer, '-', toString(seq))))) AS ordered,
        toUInt32(countIf(ts < from_time)) AS before,
        max(ts) AS latest
    FROM unit_calls
    GROUP BY unit
    HAVING latest >= from_time
)
ORDER BY latest DESC, unit
LIMIT {most:UInt32}
