-- Maps are sorted: the order of attributes means nothing, and collectors differ in it.
SELECT * REPLACE (
    mapSort(ResourceAttributes) AS ResourceAttributes,
    mapSort(SpanAttributes) AS SpanAttributes,
    arrayMap(attributes -> mapSort(attributes), `Events.Attributes`) AS `Events.Attributes`,
    arrayMap(attributes -> mapSort(attributes), `Links.Attributes`) AS `Links.Attributes`,
    -- Of a span that ends before it starts. Ours stores 0, the real collector's exporter the unsigned difference.
    if(Duration > 9223372036854775807, 0, Duration) AS Duration
)
FROM otel_traces
ORDER BY SpanId
