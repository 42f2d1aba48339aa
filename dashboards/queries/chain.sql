-- question: What stands around a call: its neighbours in the producer's chain, and its own hashes?
-- Parameters: producer, seq, trace_id, from_ms, to_ms (around the call). Out: one row. Scans: calls and spans of that time.
SELECT
    (SELECT max(seq) FROM calls WHERE producer = {producer:String} AND seq < {seq:UInt64} AND ts >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')) AS before,
    (SELECT min(seq) FROM calls WHERE producer = {producer:String} AND seq > {seq:UInt64} AND ts >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')) AS after,
    (SELECT any(tuple(SpanAttributes['signalbox.audit.hash'], SpanAttributes['signalbox.audit.prev_hash']))
     FROM otel_traces
     WHERE TraceId = {trace_id:String} AND SpanAttributes['signalbox.audit.producer'] = {producer:String}
         AND SpanAttributes['signalbox.audit.seq'] = toString({seq:UInt64})
         AND Timestamp >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND Timestamp < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')) AS hashes
