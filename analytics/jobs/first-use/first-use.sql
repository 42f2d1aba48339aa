-- question: Which agents and classes of tasks did today for the first time what matters, some of it in the window?
-- params: day_start_ms, window_start_ms, window_end_ms (Unix milliseconds); cold_ms: first uses in an entity's first time
--   are how it shows what its work is
-- out: entity_kind, entity; uses: [[at_ms, kind, value]] of the day up to the window's end; actual; before: how many first
--   uses in the days after the cold start; days: how many those were
-- scans: first_uses, a row for each thing that anybody ever did
WITH
    fromUnixTimestamp64Milli({day_start_ms:Int64}, 'UTC') AS day_start,
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end
SELECT
    entity_kind,
    entity,
    arraySort(groupArrayIf((toUnixTimestamp64Milli(toDateTime64(first, 3, 'UTC')), kind, value), kind != 'any' AND first >= day_start)) AS uses,
    toFloat64(length(uses)) AS actual,
    toUInt32(countIf(kind != 'any' AND first < day_start AND first >= warm_at)) AS before,
    toFloat64(dateDiff('millisecond', warm_at, day_start)) / 86400000 AS days
FROM
(
    SELECT
        entity_kind, entity, kind, value,
        min(first_at) AS first,
        min(first) OVER (PARTITION BY entity_kind, entity) + toIntervalMillisecond({cold_ms:Int64}) AS warm_at
    FROM first_uses
    WHERE first_at < window_end
    GROUP BY entity_kind, entity, kind, value
)
WHERE warm_at <= day_start
GROUP BY entity_kind, entity, warm_at
HAVING countIf(kind != 'any' AND first >= window_start) > 0
ORDER BY entity_kind, entity
