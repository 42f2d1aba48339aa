SELECT ServiceName, SpanKind, ScopeName, (SELECT count() FROM calls) AS calls FROM otel_traces ORDER BY SpanId
