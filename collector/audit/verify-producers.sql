-- question: How much of each producer's chain does the store hold?
-- parameters: since (received at or after), producer ('' for all)
-- columns: producer, records, copies (rows beyond one a record), first_seq, last_seq
-- scans: SpanAttributes of otel_traces from `since` on
SELECT
    SpanAttributes['signalbox.audit.producer'] AS producer,
    toUInt32(uniqExact(toUInt64OrZero(SpanAttributes['signalbox.audit.seq']))) AS records,
    toUInt32(count()) - records AS copies,
    toString(min(toUInt64OrZero(SpanAttributes['signalbox.audit.seq']))) AS first_seq,
    toString(max(toUInt64OrZero(SpanAttributes['signalbox.audit.seq']))) AS last_seq
FROM otel_traces
WHERE SpanKind = 'Server' AND producer != '' AND Timestamp >= {since:DateTime64(6, 'UTC')}
    AND ({producer:String} = '' OR producer = {producer:String})
GROUP BY producer
ORDER BY producer
