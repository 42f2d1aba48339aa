-- question: How often did the piece of work repeat this call, and how often does work of its class repeat its most repeated one?
-- params: history_from_ms, span_from_ms, window_end_ms (Unix milliseconds); unit, class, server, tool, arguments: the call
-- out: actual; expected: a mean over the work of the class that called the tool before the span, 1 where there was none;
--   expected_high: 99% of it stayed at or under; units: how many
-- scans: calls of one tool from history_from to window_end, 11 columns
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({span_from_ms:Int64}, 'UTC') AS span_from,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end
SELECT
    sum(now) AS actual,
    if(units = 0, 1, avgIf(most, most > 0)) AS expected,
    if(units = 0, 1, quantileExactIf(0.99)(most, most > 0)) AS expected_high,
    toUInt32(countIf(most > 0)) AS units
FROM
(
    SELECT work, sum(times_now) AS now, max(times_before) AS most
    FROM
    (
        SELECT
            multiIf(
                task_id != '', concat('task ', task_id),
                parent_span_id != '', concat('trace ', agent, ' ', trace_id),
                session_id != '', concat('session ', agent, ' ', session_id),
                concat('agent ', agent)
            ) AS unit,
            -- A burst that has no name is cut by the clock.
            if(unit = concat('agent ', agent), concat(unit, ' ', toString(toStartOfInterval(ts, INTERVAL 30 MINUTE))), unit) AS work,
            toString(cityHash64(arg_paths, arg_digests)) AS arguments,
            toFloat64(sumIf(attempts, ts >= span_from AND unit = {unit:String} AND arguments = {arguments:String})) AS times_now,
            toFloat64(sumIf(attempts, ts < span_from AND unit != {unit:String})) AS times_before
        FROM calls
        WHERE ts >= history_from AND ts < window_end AND method = 'tools/call'
            AND server = {server:String} AND tool = {tool:String}
            AND if(task_class != '', toString(task_class), concat('agent:', agent)) = {class:String}
        GROUP BY unit, work, arguments
    )
    GROUP BY work
)
