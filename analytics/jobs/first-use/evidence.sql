-- question: How many things did the agent or class of tasks do for the first time that day, and how many on a day before?
-- params: entity_kind, entity; day_start_ms, window_end_ms, cold_ms (Unix milliseconds)
-- out: actual; expected: a mean per day since the cold start ended; half of one stands for what was not seen yet
-- scans: first_uses of one entity
WITH
    fromUnixTimestamp64Milli({day_start_ms:Int64}, 'UTC') AS day_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end
SELECT
    toFloat64(countIf(kind != 'any' AND first >= day_start)) AS actual,
    (countIf(kind != 'any' AND first < day_start AND first >= warm_at) + 0.5) / (toFloat64(dateDiff('millisecond', any(warm_at), day_start)) / 86400000 + 1) AS expected
FROM
(
    SELECT kind, value, min(first_at) AS first, min(first) OVER () + toIntervalMillisecond({cold_ms:Int64}) AS warm_at
    FROM first_uses
    WHERE entity_kind = {entity_kind:String} AND entity = {entity:String} AND first_at < window_end
    GROUP BY kind, value
)
