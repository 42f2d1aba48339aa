-- question: Through which servers, tools, classes of tasks and agents were the day's first uses made?
-- params: day_start_ms, window_end_ms (Unix milliseconds); agent or task_class, '' for the other; kinds, values: what was new
-- out: dimension, value, window_share (nothing of it was done before, so it is the share of the excess too); first_id, last_id
-- scans: allowed calls of one agent or class of tasks of the day, 10 columns
WITH arrayZip({kinds:Array(String)}, {values:Array(String)}) AS new
SELECT
    dimension,
    value,
    calls / sum(calls) OVER (PARTITION BY dimension) AS window_share,
    first_id,
    last_id
FROM
(
    SELECT
        part.1 AS dimension,
        part.2 AS value,
        toFloat64(sum(attempts)) AS calls,
        argMin(call_id, (ts, seq)) AS first_id,
        argMax(call_id, (ts, seq)) AS last_id
    FROM calls
    ARRAY JOIN [
        ('tool', if(tool = '', concat(server, ' ', method), concat(server, '/', tool))),
        ('server', toString(server)),
        ('task_class', if({agent:String} = '', '', toString(task_class))),
        ('agent', if({agent:String} != '', '', toString(agent)))
    ] AS part
    WHERE ts >= fromUnixTimestamp64Milli({day_start_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC')
        AND decision = 'allow' AND method IN ('tools/call', 'resources/read', 'prompts/get')
        AND if({agent:String} != '', agent = {agent:String}, task_class = {task_class:String})
        AND if({agent:String} != '',
            (risk_tier = 'high' AND has(new, ('high_tier_server', toString(server)))) OR has(new, ('effect', toString(effect))),
            arrayExists(domain -> has(new, ('data_domain', toString(domain))), data_domains))
        AND part.2 != ''
    GROUP BY dimension, value
)
ORDER BY window_share DESC, dimension, value
LIMIT 5
