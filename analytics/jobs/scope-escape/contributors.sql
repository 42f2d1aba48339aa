-- question: What did the piece of work call outside its scope, and what does its class call so before?
-- params: history_from_ms, window_start_ms, window_end_ms (Unix milliseconds); unit, class, how (a reason, or one of a call that
--   was let through), server, tool; actual, expected
-- out: dimension, value, window_share, baseline_share, excess_share
-- scans: calls of one class and tool from history_from to window_end, 13 columns
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
        toFloat64(sumIf(attempts, ts >= window_start AND unit = {unit:String})) AS now,
        toFloat64(sumIf(attempts, ts < window_start AND unit != {unit:String})) AS before
    FROM calls
    ARRAY JOIN [('effect', toString(effect)), ('risk_tier', toString(risk_tier)), ('agent', toString(agent)), ('principal', toString(principal)), ('server_version', toString(server_version)), ('outcome', toString(outcome))] AS part
    WHERE ts >= history_from AND ts < window_end
        AND server = {server:String} AND tool = {tool:String}
        AND method IN ('tools/call', 'resources/read', 'prompts/get')
        AND if({how:String} IN ('outside_scope', 'after_end'), decision = 'allow', reason = {how:String})
        AND if(task_class != '', toString(task_class), concat('agent:', agent)) = {class:String}
        AND part.2 != ''
    GROUP BY dimension, value
)
WHERE now > 0
ORDER BY excess_share DESC, dimension, value
LIMIT 5
