SELECT * FROM otel_traces ORDER BY SpanId
