-- question: Which calls that change or send something took an argument out of a result that a stranger may have written?
-- params: lookback_from_ms, window_start_ms, window_end_ms (Unix milliseconds); instruction_score: from here on the text around
--   the value counts as instructions; most: so many, the most instruction-shaped first
-- out: unit, class, agent, task_id, session_id; source_server, source_tool, server, tool, path: what was read, and which
--   argument of which call it went to; instructed; actual: how many values; score: the highest; allowed: whether a call was
--   let through; source_id, sink_id: the pair of calls; latest
-- scans: calls of the window, 14 columns, and by their numbers the calls that they took values from, from lookback_from on
WITH
    fromUnixTimestamp64Milli({lookback_from_ms:Int64}, 'UTC') AS lookback_from,
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    sinks AS
    (
        SELECT
            multiIf(
                task_id != '', concat('task ', task_id),
                parent_span_id != '', concat('trace ', agent, ' ', trace_id),
                session_id != '', concat('session ', agent, ' ', session_id),
                concat('agent ', agent)
            ) AS unit,
            if(task_class != '', toString(task_class), concat('agent:', agent)) AS class,
            agent, task_id, session_id, server, tool, producer, ts, seq, decision,
            leaf.1 AS path,
            leaf.2 AS from_seq,
            leaf.3 AS score
        FROM calls
        ARRAY JOIN arrayFilter(l -> l.2 > 0, arrayZip(arg_paths, arg_flow_from, arg_flow_scores)) AS leaf
        WHERE ts >= window_start AND ts < window_end AND method = 'tools/call' AND tool != '' AND effect != 'read' AND agent != ''
    )
SELECT
    sinks.unit AS unit,
    sinks.class AS class,
    any(sinks.agent) AS some_agent,
    any(sinks.task_id) AS some_task,
    any(sinks.session_id) AS some_session,
    sources.server AS source_server,
    sources.tool AS source_tool,
    sinks.server AS server,
    sinks.tool AS tool,
    sinks.path AS path,
    toUInt8(sinks.score >= {instruction_score:Float32}) AS instructed,
    toFloat64(count()) AS actual,
    toFloat64(max(sinks.score)) AS score,
    toUInt8(max(sinks.decision = 'allow')) AS allowed,
    argMax(concat(sources.producer, '-', toString(sources.seq)), (sinks.score, sinks.ts)) AS source_id,
    argMax(concat(sinks.producer, '-', toString(sinks.seq)), (sinks.score, sinks.ts)) AS sink_id
FROM sinks
INNER JOIN
(
    SELECT producer, seq, server, tool, trusted
    FROM calls
    WHERE ts >= lookback_from AND ts < window_end AND method = 'tools/call'
        AND (producer, seq) IN (SELECT producer, from_seq FROM sinks)
    LIMIT 1 BY producer, seq
) AS sources ON sources.producer = sinks.producer AND sources.seq = sinks.from_seq
WHERE NOT sources.trusted OR sinks.score >= {instruction_score:Float32}
GROUP BY unit, class, source_server, source_tool, server, tool, path, instructed
ORDER BY score DESC, actual DESC, unit, source_server, source_tool, server, tool, path
LIMIT {most:UInt32}
