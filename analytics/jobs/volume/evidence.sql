-- question: How many calls were there in the hour, and how many in the median of the hours that it is compared with?
-- params: first_hour_ms (the entity's first hour), window_start_ms, window_end_ms (Unix milliseconds, whole hours); season: which
--   hours are like it, 'all', 'hour' (of the day) or 'hour_and_day' (and of a weekday or of a weekend); agent or server, '' for the other
-- out: actual, expected, hours_compared. An hour without calls counts as 0.
-- scans: calls_1h of one agent or server from first_hour to window_end
WITH
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
    groupArrayIf(calls, hour < window_start AND alike) AS before
SELECT
    sumIf(calls, hour = window_start) AS actual,
    arrayReduce('quantileExactInclusive(0.5)', before) AS expected,
    toUInt32(length(before)) AS hours_compared
FROM
(
    SELECT
        hour,
        toFloat64(sum(made)) AS calls,
        ({season:String} = 'all' OR toHour(hour) = toHour(fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC')))
            AND ({season:String} != 'hour_and_day' OR (toDayOfWeek(hour) > 5) = (toDayOfWeek(fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC')) > 5)) AS alike
    FROM
    (
        SELECT hour, calls AS made
        FROM calls_1h
        WHERE hour >= fromUnixTimestamp64Milli({first_hour_ms:Int64}, 'UTC') AND hour < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC')
            AND method IN ('tools/call', 'resources/read', 'prompts/get')
            AND if({agent:String} != '', agent = {agent:String}, server = {server:String})
        UNION ALL
        SELECT toDateTime(intDiv({first_hour_ms:Int64}, 1000) + number * 3600, 'UTC') AS hour, 0 AS made
        FROM numbers(toUInt64(intDiv({window_start_ms:Int64} - {first_hour_ms:Int64}, 3600000)))
    )
    GROUP BY hour
)
