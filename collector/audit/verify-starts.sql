-- question: With which number does each producer's chain begin, of the records received since a time?
-- parameters: since (received at or after), producer ('' for all)
-- columns: producer, first_seq
-- scans: SpanAttributes of otel_traces from `since` on
SELECT
    SpanAttributes['signalbox.audit.producer'] AS producer,
    toString(min(toUInt64OrZero(SpanAttributes['signalbox.audit.seq']))) AS first_seq
FROM otel_traces
WHERE SpanKind = 'Server' AND producer != '' AND Timestamp >= {since:DateTime64(6, 'UTC')}
    AND ({producer:String} = '' OR producer = {producer:String})
GROUP BY producer
