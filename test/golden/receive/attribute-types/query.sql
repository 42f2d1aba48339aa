-- Maps are sorted: the order of attributes means nothing, and collectors differ in it.
SELECT ServiceName, mapSort(ResourceAttributes) AS ResourceAttributes, mapSort(SpanAttributes) AS SpanAttributes FROM otel_traces
