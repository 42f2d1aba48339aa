-- Maps are sorted: the order of attributes means nothing, and collectors differ in it.
SELECT
    ServiceName, mapSort(ResourceAttributes) AS ResourceAttributes, ScopeName, ScopeVersion, TraceState, SpanName, StatusMessage,
    mapSort(SpanAttributes) AS SpanAttributes, `Events.Name`, `Events.Attributes`
FROM otel_traces
