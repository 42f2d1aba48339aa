SELECT ServiceName, ResourceAttributes, ScopeName, ScopeVersion, TraceState, SpanName, StatusMessage, SpanAttributes, `Events.Name`, `Events.Attributes` FROM otel_traces
