-- question: Which hashes does the store hold for a range of a producer's records?
-- parameters: producer, first_seq, last_seq, from, to (received between)
-- columns: hashes (hex, one behind the other, by number), records (different numbers among them)
-- scans: SpanAttributes of otel_traces between the two times
SELECT
    arrayStringConcat(arrayMap(row -> row.2, arraySort(groupUniqArray((seq, hash))))) AS hashes,
    toUInt32(uniqExact(seq)) AS records
FROM
(
    SELECT toUInt64OrZero(SpanAttributes['signalbox.audit.seq']) AS seq, SpanAttributes['signalbox.audit.hash'] AS hash
    FROM otel_traces
    WHERE SpanKind = 'Server' AND SpanAttributes['signalbox.audit.producer'] = {producer:String}
        AND Timestamp >= {from:DateTime64(6, 'UTC')} AND Timestamp <= {to:DateTime64(6, 'UTC')}
)
WHERE seq BETWEEN {first_seq:UInt64} AND {last_seq:UInt64}
