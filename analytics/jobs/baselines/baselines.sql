-- question: How do denial rate, calls and upstream latency of each agent, tool and server spread over five-minute buckets?
-- params: history_from_ms, window_end_ms (Unix milliseconds)
-- out: metric, entity_kind, entity; first_ms (the first bucket, Unix milliseconds), n (buckets with calls), centre (median),
--   mad (median absolute deviation), quantiles
-- scans: calls_1m and latency_1m from history_from to window_end
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    call_buckets AS
    (
        SELECT
            part.1 AS entity_kind,
            part.2 AS entity,
            toStartOfFiveMinutes(minute) AS bucket,
            toFloat64(sum(calls)) AS total,
            sumIf(calls, decision = 'deny') / total AS denied
        FROM calls_1m
        ARRAY JOIN [('agent', toString(agent)), ('tool', if(tool = '', '', concat(server, '/', tool))), ('server', toString(server))] AS part
        WHERE minute >= history_from AND minute < window_end AND method = 'tools/call' AND part.2 != ''
        GROUP BY entity_kind, entity, bucket
    ),
    latency_buckets AS
    (
        SELECT
            part.1 AS entity_kind,
            part.2 AS entity,
            toStartOfFiveMinutes(minute) AS bucket,
            toFloat64(quantilesTDigestMerge(0.5, 0.95, 0.99)(upstream_us)[1]) / 1000 AS p50_ms
        FROM latency_1m
        ARRAY JOIN [('tool', concat(server, '/', tool)), ('server', toString(server))] AS part
        WHERE minute >= history_from AND minute < window_end
        GROUP BY entity_kind, entity, bucket
    )
SELECT
    metric,
    entity_kind,
    entity,
    toFloat64(toUnixTimestamp(min(bucket))) * 1000 AS first_ms,
    toUInt32(count()) AS n,
    arrayReduce('quantileExactInclusive(0.5)', groupArray(value) AS bucket_values) AS centre,
    arrayReduce('quantileExactInclusive(0.5)', arrayMap(v -> abs(v - centre), bucket_values)) AS mad,
    arrayReduce('quantilesExactInclusive(0.05, 0.25, 0.75, 0.95, 0.99)', bucket_values) AS at,
    map('p05', at[1], 'p25', at[2], 'p50', centre, 'p75', at[3], 'p95', at[4], 'p99', at[5]) AS quantiles
FROM
(
    SELECT measure.1 AS metric, entity_kind, entity, bucket, measure.2 AS value
    FROM call_buckets
    ARRAY JOIN [('denial_rate', denied), ('call_volume', total)] AS measure
    UNION ALL
    SELECT 'upstream_ms' AS metric, entity_kind, entity, bucket, p50_ms AS value FROM latency_buckets
)
GROUP BY metric, entity_kind, entity
ORDER BY metric, entity_kind, entity
