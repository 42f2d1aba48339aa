-- question: How many forwarded calls failed, and how many would have at the rate before?
-- params: history_from_ms, history_to_ms, span_start_ms, window_end_ms, as_of_ms (Unix milliseconds; hours of
--   incidents that were known then are no history); server; tool ('' for all of the
--   server's); agent ('' here: errors are a server's)
-- out: actual, expected, calls_now, usual_rate, calls_before. Half a failure in ten calls stands for what is not known of a
--   rate before anything was seen.
-- scans: incident_hours; calls_1m of one server or tool from history_from to window_end
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({history_to_ms:Int64}, 'UTC') AS history_to,
    fromUnixTimestamp64Milli({span_start_ms:Int64}, 'UTC') AS span_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    (
        SELECT groupUniqArray(hour)
        FROM incident_hours(as_of_ms = {as_of_ms:Int64}, from_ms = {history_from_ms:Int64}, to_ms = {history_to_ms:Int64})
        WHERE has(if({tool:String} = '', [concat('server:', {server:String})], [concat('tool:', {server:String}, '/', {tool:String}), concat('tools of:', {server:String})]), mark)
    ) AS left_out,
    outcome IN ('tool_error', 'rpc_error', 'transport_error', 'timeout') AS failed
SELECT
    toFloat64(sumIf(calls, minute >= span_start AND failed)) AS actual,
    calls_now * usual_rate AS expected,
    toFloat64(sumIf(calls, minute >= span_start)) AS calls_now,
    (sumIf(calls, minute < history_to AND NOT has(left_out, toStartOfHour(minute)) AND failed) + 0.5) / (calls_before + 10) AS usual_rate,
    toFloat64(sumIf(calls, minute < history_to AND NOT has(left_out, toStartOfHour(minute)))) AS calls_before
FROM calls_1m
WHERE minute >= history_from AND minute < window_end
    AND method IN ('tools/call', 'resources/read', 'prompts/get')
    AND outcome NOT IN ('denied', 'held', 'cancelled', 'interrupted')
    AND server = {server:String} AND ({tool:String} = '' OR tool = {tool:String})
    AND ({agent:String} = '' OR agent = {agent:String})
