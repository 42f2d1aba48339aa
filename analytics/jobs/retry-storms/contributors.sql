-- question: How did the repeats end, and how do the class's calls of this tool end otherwise?
-- params: history_from_ms, span_from_ms, window_end_ms (Unix milliseconds); unit, class, server, tool, arguments: the call; actual, expected
-- out: dimension, value, window_share, baseline_share, excess_share
-- scans: calls of one tool from history_from to window_end, 13 columns
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({span_from_ms:Int64}, 'UTC') AS span_from,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    ts >= span_from AND toString(cityHash64(arg_paths, arg_digests)) = {arguments:String} AND multiIf(
        task_id != '', concat('task ', task_id),
        parent_span_id != '', concat('trace ', agent, ' ', trace_id),
        session_id != '', concat('session ', agent, ' ', session_id),
        concat('agent ', agent)
    ) = {unit:String} AS repeat
SELECT
    dimension,
    value,
    now / {actual:Float64} AS window_share,
    before / greatest(1, sum(before) OVER (PARTITION BY dimension)) AS baseline_share,
    (now - {expected:Float64} * baseline_share) / ({actual:Float64} - {expected:Float64}) AS excess_share
FROM
(
    SELECT
        part.1 AS dimension,
        part.2 AS value,
        toFloat64(sumIf(attempts, repeat)) AS now,
        toFloat64(sumIf(attempts, ts < span_from)) AS before
    FROM calls
    ARRAY JOIN [('outcome', toString(outcome)), ('reason', toString(reason)), ('error_type', toString(error_type)), ('agent', toString(agent))] AS part
    WHERE ts >= history_from AND ts < window_end AND method = 'tools/call'
        AND server = {server:String} AND tool = {tool:String}
        AND if(task_class != '', toString(task_class), concat('agent:', agent)) = {class:String}
        AND part.2 != ''
    GROUP BY dimension, value
)
WHERE now > 0
ORDER BY excess_share DESC, dimension, value
LIMIT 5
