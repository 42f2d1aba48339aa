-- question: Which hashes does the store hold for these records of a producer, and where does its chain end?
-- parameters: producer, seqs
-- columns: seq, hash (one row a stored copy of the asked-for records, and the last record)
-- scans: SpanAttributes of otel_traces
SELECT DISTINCT
    toString(toUInt64OrZero(SpanAttributes['signalbox.audit.seq'])) AS seq,
    SpanAttributes['signalbox.audit.hash'] AS hash
FROM otel_traces
WHERE SpanKind = 'Server' AND SpanAttributes['signalbox.audit.producer'] = {producer:String}
    AND (
        has({seqs:Array(UInt64)}, toUInt64OrZero(SpanAttributes['signalbox.audit.seq']))
        OR toUInt64OrZero(SpanAttributes['signalbox.audit.seq']) = (
            SELECT max(toUInt64OrZero(SpanAttributes['signalbox.audit.seq']))
            FROM otel_traces
            WHERE SpanKind = 'Server' AND SpanAttributes['signalbox.audit.producer'] = {producer:String}
        )
    )
