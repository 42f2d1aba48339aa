-- question: What followed what in the tasks of each class, block by block? Keeps it in sequence_counts.
-- params: counted_at_ms; look_back_from_ms, from_ms, to_ms (Unix milliseconds), step_ms (a block's length); most_acts: acts of a task are counted up to so many; left_out_calls, left_out_tasks:
--   pieces of work with these are not counted; left_out_agents, left_out_from_ms, left_out_to_ms: nor those of an agent with
--   a call in such a stretch, one of each a position
-- out: block, counted_at, class, kind, context (the 0 to 3 calls before, one a line, ^ for the start), next (of kind acts: the how
--   manieth act after an untrusted read of its task it was), count. An act that makes a call of its task again is none
-- scans: calls from look_back_from to to_ms of pieces of work with a call since from_ms, 15 columns
INSERT INTO sequence_counts (block, counted_at, task_class, kind, context, next, count)
WITH
    fromUnixTimestamp64Milli({look_back_from_ms:Int64}, 'UTC') AS look_back_from,
    fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AS from_time,
    fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC') AS to_time,
    active AS
    (
        SELECT DISTINCT task_id, if(task_id = '', session_id, '') AS session, if(task_id = '', agent, '') AS loose_agent
        FROM calls
        WHERE ts >= from_time AND ts < to_time AND method = 'tools/call' AND tool != '' AND basis != 'imported'
    ),
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
            if(outcome = 'ok', token, concat(token, '!', outcome)) AS marked,
            toUInt8(effect != 'read') AS acts,
            toUInt8(NOT trusted AND outcome = 'ok') AS untrusted,
            toUInt8(
                has({left_out_calls:Array(String)}, concat(producer, '-', toString(seq)))
                OR (task_id != '' AND has({left_out_tasks:Array(String)}, task_id))
                OR arrayExists(
                    (name, since, until) -> name = agent AND toUnixTimestamp64Milli(ts) >= since AND toUnixTimestamp64Milli(ts) < until,
                    {left_out_agents:Array(String)}, {left_out_from_ms:Array(Int64)}, {left_out_to_ms:Array(Int64)}
                )
            ) AS left_out
        FROM
        (
            SELECT
                ts, seq, producer, toString(agent) AS agent, server, tool, toString(effect) AS effect, trusted, toString(outcome) AS outcome, task_id, task_class, session_id, trace_id,
                -- 0 where there is nothing to tell calls apart by.
                if(effect != 'read' AND notEmpty(arg_paths), cityHash64(arraySort(arrayZip(arg_paths, arrayResize(arg_digests, length(arg_paths), '')))), 0) AS made_with,
                parent_span_id != '' AS traced,
                task_id = '' AND session_id = '' AND NOT traced AS loose,
                toUInt8(lagInFrame(ts, 1, toDateTime64(0, 6, 'UTC')) OVER (PARTITION BY agent, loose ORDER BY ts, seq) < ts - INTERVAL 30 MINUTE) AS opens
            FROM calls
            WHERE ts >= look_back_from AND ts < to_time AND method = 'tools/call' AND tool != '' AND basis != 'imported'
                -- The index on tasks knows no tuples.
                AND task_id IN (SELECT task_id FROM active)
                AND (task_id, if(task_id = '', session_id, ''), if(task_id = '', agent, '')) IN (SELECT task_id, session, loose_agent FROM active)
        )
    ),
    -- Windows and not arrays of a whole piece of work, which each of its calls would drag along.
    transitions AS
    (
        SELECT
            unit, class, ts, seq, token,
            unit_calls.acts AND (made_with = 0 OR row_number() OVER (PARTITION BY unit, token, made_with ORDER BY ts, seq) = 1) AS acts,
            row_number() OVER (PARTITION BY unit ORDER BY ts, seq) AS position,
            lagInFrame(token, 1, '^') OVER (PARTITION BY unit ORDER BY ts, seq) AS token_1,
            lagInFrame(marked, 1, '^') OVER (PARTITION BY unit ORDER BY ts, seq) AS marked_1,
            lagInFrame(marked, 2, '^') OVER (PARTITION BY unit ORDER BY ts, seq) AS marked_2,
            lagInFrame(marked, 3, '^') OVER (PARTITION BY unit ORDER BY ts, seq) AS marked_3,
            toUInt8(sum(untrusted) OVER (PARTITION BY unit ORDER BY ts, seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) > untrusted) AS tainted,
            max(left_out) OVER (PARTITION BY unit) AS unit_left_out
        FROM unit_calls
    )
SELECT
    toDateTime(intDiv(intDiv(toUnixTimestamp64Milli(ts), {step_ms:Int64}) * {step_ms:Int64}, 1000), 'UTC') AS block_at,
    fromUnixTimestamp64Milli({counted_at_ms:Int64}, 'UTC'),
    class,
    entry.1 AS kind,
    entry.2 AS context,
    entry.3 AS next,
    toUInt32(count()) AS count
FROM
(
    SELECT
        *,
        acts AND tainted AND row_number() OVER (PARTITION BY unit, token, acts AND tainted ORDER BY ts, seq) = 1 AS acts_first,
        sum(acts AND tainted) OVER (PARTITION BY unit ORDER BY ts, seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS acted
    FROM transitions
    WHERE NOT unit_left_out
)
ARRAY JOIN arrayFilter(e -> e.1 != '', [
    ('transition', '', token),
    ('transition', token_1, token),
    (if(marked_1 != token_1, 'transition', ''), marked_1, token),
    (if(position >= 2, 'transition', ''), concat(marked_2, '\n', marked_1), token),
    (if(position >= 3, 'transition', ''), concat(marked_3, '\n', marked_2, '\n', marked_1), token),
    (if(acts_first, 'after_untrusted', ''), '', token),
    (if(acts AND tainted AND acted <= {most_acts:UInt32}, 'acts', ''), '', toString(acted))
]) AS entry
WHERE ts >= from_time
GROUP BY block_at, class, kind, context, next
-- A day of a busy register does not fit in a query's memory.
SETTINGS max_bytes_before_external_group_by = 200000000, max_bytes_before_external_sort = 200000000
