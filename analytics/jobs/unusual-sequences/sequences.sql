-- question: What did the tasks do that had a call in a stretch of time?
-- params: look_back_from_ms, from_ms, to_ms (Unix milliseconds); learnt_to_ms: up to where a model has learnt; most: so
--   many, the newest
-- out: unit, class, agent, task_id, task_class, session_id; tokens, outcomes, acting, tainting, call_ids, times_us, arguments (of
--   acts, and what came out of an instruction: path, digest, whether a result showed it, the score of its source) in order;
--   before: how many of the calls came before from_ms; learnt: how many before learnt_to_ms
-- scans: calls from from_ms to to_ms, and those since look_back_from of the same pieces of work, 16 columns
WITH
    fromUnixTimestamp64Milli({look_back_from_ms:Int64}, 'UTC') AS look_back_from,
    fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AS from_time,
    fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC') AS to_time,
    -- Only these are gathered: everything else would be sorted for nothing.
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
                concat('agent ', agent, ' ', toString(max(if(opens, ts, toDateTime64(0, 6, 'UTC'))) OVER (PARTITION BY agent, loose ORDER BY ts, seq)))
            ) AS unit,
            if(task_class != '', toString(task_class), concat('agent:', agent)) AS class,
            concat(server, '/', tool, '/', if(effect = '', 'unknown', effect)) AS token,
            toUInt8(effect != 'read') AS acts,
            toUInt8(NOT trusted AND outcome = 'ok') AS untrusted,
            arrayFilter(
                a -> acts OR a.4 >= 0.05,
                arrayMap((path, digest, flow_from, score) -> (toString(path), digest, toUInt8(flow_from != 0 OR score > 0), score), arg_paths, arg_digests, arg_flow_from, arg_flow_scores)
            ) AS arguments
        FROM
        (
            SELECT
                arg_paths, arg_digests, arg_flow_from, arg_flow_scores,
                ts, seq, producer, agent, server, tool, toString(effect) AS effect, trusted, outcome, task_id, task_class, session_id, trace_id,
                parent_span_id != '' AS traced,
                task_id = '' AND session_id = '' AND NOT traced AS loose,
                toUInt8(lagInFrame(ts, 1, toDateTime64(0, 6, 'UTC')) OVER (PARTITION BY agent, loose ORDER BY ts, seq) < ts - INTERVAL 30 MINUTE) AS opens
            FROM calls
            WHERE ts >= look_back_from AND ts < to_time AND method = 'tools/call' AND tool != '' AND basis != 'imported'
                -- The index on tasks knows no tuples.
                AND task_id IN (SELECT task_id FROM newest)
                AND (task_id, if(task_id = '', session_id, ''), if(task_id = '', agent, '')) IN (SELECT task_id, session, loose_agent FROM newest)
        )
    )
SELECT
    unit, class, agent, task_id, task_class, session_id, before, learnt, ordered.3 AS tokens, ordered.4 AS outcomes, ordered.5 AS acting, ordered.6 AS tainting,
    ordered.7 AS call_ids, ordered.8 AS arguments, arrayMap(c -> toUnixTimestamp64Micro(c.1), ordered) AS times_us
FROM
(
    SELECT
        unit,
        argMax(class, ts) AS class,
        argMax(agent, ts) AS agent,
        any(task_id) AS task_id,
        argMax(task_class, ts) AS task_class,
        any(session_id) AS session_id,
        arraySort(c -> (c.1, c.2), groupArray(5000)((ts, seq, token, toString(outcome), acts, untrusted, concat(producer, '-', toString(seq)), arguments))) AS ordered,
        toUInt32(countIf(ts < from_time)) AS before,
        toUInt32(countIf(toUnixTimestamp64Milli(ts) < {learnt_to_ms:Int64})) AS learnt,
        max(ts) AS latest
    FROM unit_calls
    GROUP BY unit
    HAVING latest >= from_time
)
ORDER BY latest DESC, unit
LIMIT {most:UInt32}
