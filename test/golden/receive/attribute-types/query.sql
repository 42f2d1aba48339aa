SELECT ServiceName, ResourceAttributes, SpanAttributes FROM otel_traces
