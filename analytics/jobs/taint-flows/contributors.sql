-- question: Which argument of which call do the work's values go to, and which do those of its class?
-- params: history_from_ms, window_start_ms, window_end_ms (Unix milliseconds); unit, class; server, tool; actual, expected
-- out: dimension, value, window_share, baseline_share, excess_share
-- scans: calls of one tool from history_from to window_end, 12 columns
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    multiIf(
        task_id != '', concat('task ', task_id),
        parent_span_id != '', concat('trace ', agent, ' ', trace_id),
        session_id != '', concat('session ', agent, ' ', session_id),
        concat('agent ', agent)
    ) AS unit
SELECT
    dimension,
    value,
    now / sum(now) OVER (PARTITION BY dimension) AS window_share,
    before / greatest(1, sum(before) OVER (PARTITION BY dimension)) AS baseline_share,
    ({actual:Float64} * window_share - {expected:Float64} * baseline_share) / ({actual:Float64} - {expected:Float64}) AS excess_share
FROM
(
    SELECT
        part.1 AS dimension,
        part.2 AS value,
        toFloat64(countIf(ts >= window_start AND unit = {unit:String})) AS now,
        toFloat64(countIf(ts < window_start AND unit != {unit:String})) AS before
    FROM calls
    ARRAY JOIN arrayConcat(
        arrayMap(p -> ('argument', concat(server, '/', tool, ' ', p)), arrayFilter((p, from) -> from > 0, arg_paths, arg_flow_from)),
        arrayMap(score -> ('instruction score', if(score >= 0.5, '0.5 and more', 'under 0.5')), arrayFilter((score, from) -> from > 0, arg_flow_scores, arg_flow_from)),
        if(has(arrayMap(from -> from > 0, arg_flow_from), 1), [('decision', toString(decision)), ('agent', toString(agent))], [])
    ) AS part
    WHERE ts >= history_from AND ts < window_end AND method = 'tools/call' AND server = {server:String} AND tool = {tool:String}
        AND if(task_class != '', toString(task_class), concat('agent:', agent)) = {class:String}
    GROUP BY dimension, value
)
WHERE now > 0
ORDER BY excess_share DESC, dimension, value
LIMIT 4
