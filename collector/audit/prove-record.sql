-- question: What was hashed of one record?
-- parameters: producer, seq
-- columns: hash, form (key and value, in the order of the canonical form)
-- scans: otel_traces for one producer; the form is the one of verify-rows.sql
SELECT
    SpanAttributes['signalbox.audit.hash'] AS hash,
    arrayConcat(
        [
            ['@trace', TraceId],
            ['@span', SpanId],
            ['@parent', ParentSpanId],
            ['@start_us', toString(intDiv(toUnixTimestamp64Nano(Timestamp), 1000))],
            ['@duration_us', toString(intDiv(Duration, 1000))],
            ['@name', toString(SpanName)]
        ],
        arrayMap(
            pair -> [pair.1, pair.2],
            arraySort(arrayFilter(pair -> pair.1 != 'signalbox.audit.hash', CAST(SpanAttributes, 'Array(Tuple(String, String))')))
        )
    ) AS form
FROM otel_traces
WHERE SpanKind = 'Server' AND SpanAttributes['signalbox.audit.producer'] = {producer:String}
    AND SpanAttributes['signalbox.audit.seq'] = toString({seq:UInt64})
LIMIT 1
