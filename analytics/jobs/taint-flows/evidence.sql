-- question: How many values went from results into this argument, and how many do in work of the class that read the same source?
-- params: history_from_ms, window_start_ms, window_end_ms (Unix milliseconds); unit, class; source_server, source_tool; server,
--   tool, path: the argument; source_id, sink_id: the pair of calls, to read on; min_score: 0, or from where text counts as instructions
-- out: actual; expected: a mean over the work of the class that read the source before the window, 0 where there was none;
--   units: how much work; units_with: how much of it passed a value on to that argument; expected_high: 99% stayed at or
--   under; source_call, sink_call: the pair's times, tools and decisions
-- scans: calls of two tools from history_from to window_end, 13 columns
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end
SELECT
    sum(now) AS actual,
    if(units = 0, 0, avgIf(before, is_other)) AS expected,
    toUInt32(countIf(is_other)) AS units,
    toUInt32(countIf(is_other AND before > 0)) AS units_with,
    if(units = 0, 0, quantileExactIf(0.99)(before, is_other)) AS expected_high,
    anyIf(source, source != '') AS source_call,
    anyIf(sink, sink != '') AS sink_call
FROM
(
    SELECT
        unit,
        toFloat64(sumIf(flows, ts >= window_start AND unit = {unit:String})) AS now,
        toFloat64(sumIf(flows, ts < window_start)) AS before,
        unit != {unit:String} AND countIf(reads AND ts < window_start) > 0 AS is_other,
        anyIf(told, id = {source_id:String}) AS source,
        anyIf(told, id = {sink_id:String}) AS sink
    FROM
    (
        SELECT
            ts,
            multiIf(
                task_id != '', concat('task ', task_id),
                parent_span_id != '', concat('trace ', agent, ' ', trace_id),
                session_id != '', concat('session ', agent, ' ', session_id),
                concat('agent ', agent)
            ) AS unit,
            concat(producer, '-', toString(seq)) AS id,
            concat(toString(ts), ' ', server, '/', tool, ' ', decision, ' ', outcome) AS told,
            server = {source_server:String} AND tool = {source_tool:String} AS reads,
            if(server = {server:String} AND tool = {tool:String},
                arrayCount((p, from, score) -> p = {path:String} AND from > 0 AND score >= {min_score:Float32}, arg_paths, arg_flow_from, arg_flow_scores), 0) AS flows
        FROM calls
        WHERE ts >= history_from AND ts < window_end AND method = 'tools/call'
            AND ((server = {source_server:String} AND tool = {source_tool:String}) OR (server = {server:String} AND tool = {tool:String}))
            AND if(task_class != '', toString(task_class), concat('agent:', agent)) = {class:String}
    )
    GROUP BY unit
)
