-- question: Which tools, agents, classes of task and decisions have the calls that are too many or missing?
-- params: first_hour_ms, window_start_ms, window_end_ms (Unix milliseconds); agent or server, '' for the other; actual, expected
-- out: dimension, value, window_share, baseline_share, excess_share: of a value's calls over its share of what was expected;
--   the shares of all values of a dimension make 1
-- scans: calls_1h of one agent or server from first_hour to window_end
WITH fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start
SELECT
    dimension,
    value,
    now / greatest(1, {actual:Float64}) AS window_share,
    before / greatest(1, sum(before) OVER (PARTITION BY dimension)) AS baseline_share,
    (now - {expected:Float64} * baseline_share) / ({actual:Float64} - {expected:Float64}) AS excess_share
FROM
(
    SELECT
        part.1 AS dimension,
        part.2 AS value,
        toFloat64(sumIf(calls, hour >= window_start)) AS now,
        toFloat64(sumIf(calls, hour < window_start)) AS before
    FROM calls_1h
    ARRAY JOIN [
        ('tool', if(tool = '', concat(server, ' ', method), concat(server, '/', tool))),
        ('agent', if({agent:String} != '', '', toString(agent))),
        ('task_class', toString(task_class)),
        ('decision', toString(decision))
    ] AS part
    WHERE hour >= fromUnixTimestamp64Milli({first_hour_ms:Int64}, 'UTC') AND hour < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC')
        AND method IN ('tools/call', 'resources/read', 'prompts/get')
        AND if({agent:String} != '', agent = {agent:String}, server = {server:String})
        AND part.2 != ''
    GROUP BY dimension, value
)
ORDER BY excess_share DESC, dimension, value
LIMIT 5
