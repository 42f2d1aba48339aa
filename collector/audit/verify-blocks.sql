-- question: In which stretches of each producer's chain is anything not as it was recorded?
-- parameters: since (received at or after); whole (1: every record), or producers with starts (their first numbers to look
--   at, position by position); producer ('' for all); heads (numbers whose hashes are wanted, beside the last ones of all
--   checkpoints); key_low, key_high (random: who changes rows must not know what they will be summed up as)
-- columns: producer, block (the number divided by 65,536), records (rows), first_seq, last_seq, first_prev_hash, last_hash,
--   from, to (times received), changed (rows whose hash is not that of their content), linked (1: every row but the first
--   continues another one, and every row but the last is continued once), contents (a sum over what `calls` derives from,
--   to be compared with verify-call-blocks.sql), heads (numbers and hashes)
-- scans: every column of otel_traces that is hashed, once, without sorting: sums in place of a join. A stretch that is not
--   whole by these figures is looked at row by row in verify-rows.sql, which alone says what is wrong: here, attributes
--   that are not in their canonical order count as changed too.
WITH
    (toUInt64({key_low:UInt64}), toUInt64({key_high:UInt64})) AS key,
    mapKeys(SpanAttributes) AS ks,
    mapValues(SpanAttributes) AS vs,
    -- The four that tell a record's place are neighbours in key order, and so are the times.
    indexOf(ks, 'signalbox.audit.hash') AS at,
    arraySlice(ks, at, 4) = ['signalbox.audit.hash', 'signalbox.audit.prev_hash', 'signalbox.audit.producer', 'signalbox.audit.seq'] AS placed,
    indexOf(ks, 'signalbox.time.proxy_us') AS times,
    arrayMap(
        (k, v) -> concat(toString(length(k)), ':', k, toString(length(v)), ':', v),
        arrayConcat(arraySlice(ks, 1, at - 1), arraySlice(ks, at + 1)),
        arrayConcat(arraySlice(vs, 1, at - 1), arraySlice(vs, at + 1))
    ) AS framed,
    arrayMap((k, v) -> sipHash64Keyed(key, concat(k, '=', v)), ks, vs) AS hashes,
    if(ks[times - 1] = 'signalbox.time.forwarded_us', toUInt64OrNull(vs[times - 1]), NULL) AS forwarded_us,
    multiIf(ks[times - 3] = 'signalbox.time.answered_us', toUInt64OrNull(vs[times - 3]), ks[times - 2] = 'signalbox.time.answered_us', toUInt64OrNull(vs[times - 2]), NULL) AS answered_us,
    rows AS (
        SELECT
            Timestamp,
            if(placed, vs[at], SpanAttributes['signalbox.audit.hash']) AS hash,
            if(placed, vs[at + 1], SpanAttributes['signalbox.audit.prev_hash']) AS prev_hash,
            if(placed, vs[at + 2], SpanAttributes['signalbox.audit.producer']) AS producer,
            toUInt64OrZero(if(placed, vs[at + 3], SpanAttributes['signalbox.audit.seq'])) AS seq,
            placed AND unhex(hash) = SHA256(concat(
                    '6:@trace', toString(length(TraceId)), ':', TraceId,
                    '5:@span', toString(length(SpanId)), ':', SpanId,
                    '7:@parent', toString(length(ParentSpanId)), ':', ParentSpanId,
                    '9:@start_us', toString(length(toString(intDiv(toUnixTimestamp64Nano(Timestamp), 1000)))), ':', toString(intDiv(toUnixTimestamp64Nano(Timestamp), 1000)),
                    '12:@duration_us', toString(length(toString(intDiv(Duration, 1000)))), ':', toString(intDiv(Duration, 1000)),
                    '5:@name', toString(length(SpanName)), ':', toString(SpanName),
                    arrayStringConcat(framed)
                ))
                AND toUnixTimestamp64Nano(Timestamp) % 1000 = 0 AND Duration % 1000 = 0 AND hash = lower(hash) AS intact,
            sipHash64Keyed(
                key, seq, toUnixTimestamp64Nano(Timestamp), TraceId, SpanId, ParentSpanId, intDiv(Duration, 1000),
                ifNull(answered_us >= forwarded_us ? answered_us - forwarded_us : -1, -1),
                arraySum(hashes) - hashes[at] - hashes[at + 1]
                    - startsWith(ks[times - 1], 'signalbox.time.') * hashes[times - 1]
                    - startsWith(ks[times - 2], 'signalbox.time.') * hashes[times - 2]
                    - startsWith(ks[times - 3], 'signalbox.time.') * hashes[times - 3]
            ) AS content
        FROM otel_traces
        PREWHERE SpanKind = 'Server'
        WHERE producer != '' AND Timestamp >= {since:DateTime64(6, 'UTC')}
            AND ({producer:String} = '' OR producer = {producer:String})
            AND ({whole:UInt8} OR (has({producers:Array(String)}, producer) AND seq >= {starts:Array(UInt64)}[indexOf({producers:Array(String)}, producer)]))
    )
SELECT
    producer,
    toUInt32(intDiv(seq, 65536)) AS block,
    toUInt32(count()) AS records,
    toString(min(seq)) AS first_seq,
    toString(max(seq)) AS last_seq,
    argMin(prev_hash, seq) AS first_prev_hash,
    argMax(hash, seq) AS last_hash,
    toString(toDateTime64(min(Timestamp), 6, 'UTC')) AS from,
    toString(toDateTime64(max(Timestamp), 6, 'UTC')) AS to,
    toUInt32(countIf(NOT intact)) AS changed,
    sum(sipHash64Keyed(key, seq, hash)) - sum(sipHash64Keyed(key, seq - 1, prev_hash))
        = sipHash64Keyed(key, max(seq), argMax(hash, seq)) - sipHash64Keyed(key, min(seq) - 1, argMin(prev_hash, seq)) AS linked,
    toString(sum(content)) AS contents,
    groupArrayIf((toString(seq), hash), seq IN (SELECT last_seq FROM audit_checkpoints UNION ALL SELECT arrayJoin({heads:Array(UInt64)}))) AS heads
FROM rows
GROUP BY producer, block
ORDER BY producer, block
