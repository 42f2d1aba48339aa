SELECT
    (SELECT count() FROM otel_traces) AS spans,
    (SELECT count() FROM calls) AS calls,
    (SELECT sum(calls) FROM calls_1m) AS minutes,
    (SELECT sum(calls) FROM latency_1m) AS latencies,
    (SELECT count() FROM otel_traces_trace_id_ts) AS traces
