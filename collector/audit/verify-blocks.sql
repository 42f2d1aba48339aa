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
    sipHash64Keyed(key, '') AS nothing,
    sipHash64Keyed(key, 'names') AS salt,
    -- A row is summed up as what its values are hashed to, times what stands for their names: names are few and known, and
    -- it is enough that nobody knows the number of each, whereas a value must not be exchangeable for any other.
    name -> intHash64(bitXor(cityHash64(name), salt)) AS weight,
    value -> sipHash64Keyed(key, value) - nothing AS digest,
    -- Once for both that look at every key: a dictionary does not survive arrayMap. One key is found faster by its dictionary.
    CAST(mapKeys(SpanAttributes), 'Array(String)') AS ks,
    mapValues(SpanAttributes) AS vs,
    vs[indexOf(mapKeys(SpanAttributes), 'signalbox.time.answered_us')] AS answered,
    vs[indexOf(mapKeys(SpanAttributes), 'signalbox.time.decided_us')] AS decided,
    vs[indexOf(mapKeys(SpanAttributes), 'signalbox.time.forwarded_us')] AS forwarded,
    arrayStringConcat(arrayMap((k, v) -> concat(toString(length(k)), ':', k, toString(length(v)), ':', v), ks, vs)) AS framed,
    -- The hash does not cover itself. Where a value before it looks the same, the wrong piece goes, and the row counts as changed.
    overlay(framed, '', position(framed, '20:signalbox.audit.hash64:'), 90) AS covered,
    toString(intDiv(toUnixTimestamp64Nano(Timestamp), 1000)) AS start_us,
    toString(intDiv(Duration, 1000)) AS duration_us,
    rows AS (
        SELECT
            Timestamp,
            vs[indexOf(mapKeys(SpanAttributes), 'signalbox.audit.hash')] AS hash,
            vs[indexOf(mapKeys(SpanAttributes), 'signalbox.audit.prev_hash')] AS prev_hash,
            vs[indexOf(mapKeys(SpanAttributes), 'signalbox.audit.producer')] AS producer,
            toUInt64OrZero(vs[indexOf(mapKeys(SpanAttributes), 'signalbox.audit.seq')]) AS seq,
            hash = lower(hex(SHA256(concat(
                    '6:@trace', toString(length(TraceId)), ':', TraceId,
                    '5:@span', toString(length(SpanId)), ':', SpanId,
                    '7:@parent', toString(length(ParentSpanId)), ':', ParentSpanId,
                    '9:@start_us', toString(length(start_us)), ':', start_us,
                    '12:@duration_us', toString(length(duration_us)), ':', duration_us,
                    concat('5:@name', toString(length(SpanName)), ':', SpanName),
                    covered
                ))))
                AND toUnixTimestamp64Nano(Timestamp) % 1000 = 0 AND Duration % 1000 = 0 AS intact,
            sipHash64Keyed(key, seq) AS number,
            number * digest(hash) - sipHash64Keyed(key, seq - 1) * digest(prev_hash) AS link,
            number * (
                weight('@trace') * digest(TraceId)
                + weight('@span') * digest(SpanId)
                + weight('@parent') * digest(ParentSpanId)
                + weight('@start') * digest(toUnixTimestamp64Nano(Timestamp))
                + weight('@duration') * digest(intDiv(Duration, 1000))
                + weight('@upstream') * digest(ifNull(toInt64(accurateCastOrNull(toUInt64OrNull(answered) - toUInt64OrNull(forwarded), 'UInt64')), -1))
                + arraySum((k, v) -> weight(k) * digest(v), ks, vs)
                -- What `calls` does not have.
                - weight('signalbox.audit.hash') * digest(hash)
                - weight('signalbox.audit.prev_hash') * digest(prev_hash)
                - weight('signalbox.time.answered_us') * digest(answered)
                - weight('signalbox.time.decided_us') * digest(decided)
                - weight('signalbox.time.forwarded_us') * digest(forwarded)
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
    sum(link) = sipHash64Keyed(key, max(seq)) * digest(argMax(hash, seq)) - sipHash64Keyed(key, min(seq) - 1) * digest(argMin(prev_hash, seq)) AS linked,
    toString(sum(content)) AS contents,
    groupArrayIf((toString(seq), hash), seq IN (SELECT last_seq FROM audit_checkpoints UNION ALL SELECT arrayJoin({heads:Array(UInt64)}))) AS heads
FROM rows
GROUP BY producer, block
ORDER BY producer, block
