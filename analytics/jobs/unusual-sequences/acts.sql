-- question: In how many tasks of each class did which acting call follow an untrusted read, before the window?
-- params: history_from_ms, window_start_ms (Unix milliseconds)
-- out: class, sequences (all of the class), acts: [[token, sequences that did it]]
-- scans: calls from history_from to window_start, 12 columns; memory for the calls of all units
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
            WHERE ts >= history_from AND ts < window_start AND method = 'tools/call' AND tool != '' AND basis != 'imported'
        )
    ),
    -- One row a unit: its calls in order, as (token, acts, untrusted).
    sequences AS
    (
        SELECT
            unit,
            argMax(class, ts) AS class,
            arrayMap(c -> c.3, arraySort(c -> (c.1, c.2), groupArray(5000)((ts, seq, token)))) AS tokens,
            arrayMap(c -> c.3, arraySort(c -> (c.1, c.2), groupArray(5000)((ts, seq, acts)))) AS acting,
            arrayMap(c -> c.3, arraySort(c -> (c.1, c.2), groupArray(5000)((ts, seq, untrusted)))) AS tainting
        FROM unit_calls
        GROUP BY unit
    )
SELECT class, toUInt32(uniqExact(unit)) AS sequences, sumMapIf(map(act, toUInt32(1)), act != '') AS acts
FROM
(
    SELECT
        unit,
        class,
        arrayDistinct(arrayFilter(
            (called, position, changes) -> changes = 1 AND indexOf(tainting, 1) > 0 AND position > indexOf(tainting, 1),
            tokens, arrayEnumerate(tokens), acting
        )) AS after
    FROM sequences
)
LEFT ARRAY JOIN after AS act
GROUP BY class
