-- question: How many calls were denied, and how many would have been at the rate before?
-- params: history_from_ms, history_to_ms, span_start_ms, window_end_ms, as_of_ms (Unix milliseconds; hours of
--   incidents that were known then are no history); agent, or server and tool; '' for the other
-- out: actual, expected, calls_now, usual_rate, calls_before. Half a denial in ten calls stands for what is not known of a
--   rate before anything was seen.
-- scans: incident_hours; calls_1m of one agent or tool from history_from to window_end
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({history_to_ms:Int64}, 'UTC') AS history_to,
    fromUnixTimestamp64Milli({span_start_ms:Int64}, 'UTC') AS span_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    (
        SELECT groupUniqArray(hour)
        FROM incident_hours(as_of_ms = {as_of_ms:Int64}, from_ms = {history_from_ms:Int64}, to_ms = {history_to_ms:Int64})
        WHERE has(if({agent:String} != '', [concat('agent:', {agent:String})], [concat('tool:', {server:String}, '/', {tool:String}), concat('tools of:', {server:String})]), mark)
    ) AS left_out
SELECT
    toFloat64(sumIf(calls, minute >= span_start AND decision = 'deny')) AS actual,
    calls_now * usual_rate AS expected,
    toFloat64(sumIf(calls, minute >= span_start)) AS calls_now,
    (sumIf(calls, minute < history_to AND NOT has(left_out, toStartOfHour(minute)) AND decision = 'deny') + 0.5) / (calls_before + 10) AS usual_rate,
    toFloat64(sumIf(calls, minute < history_to AND NOT has(left_out, toStartOfHour(minute)))) AS calls_before
FROM calls_1m
WHERE minute >= history_from AND minute < window_end
    AND method IN ('tools/call', 'resources/read', 'prompts/get')
    AND if({agent:String} != '', agent = {agent:String}, server = {server:String} AND tool = {tool:String})
