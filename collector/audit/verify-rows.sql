-- question: Which stored records of a stretch are not what was recorded, or don't continue their producer's chain?
-- parameters: producer, first_seq, last_seq, from, to (received between), complete_from (numbers that are
--   missing behind a record from before that time are no problem: retention may have removed them), limit (records returned)
-- columns: record_seq, problem (content, gap, link, conflict, duplicate), expected, actual
-- scans: SpanAttributes and ids of otel_traces between the two times. Sorts by number.
-- The form that is hashed is the one of collector/record/canonical.ts; the two must not drift apart.
WITH
    hashed AS (
        SELECT
            Timestamp AS at,
            toUInt64OrZero(SpanAttributes['signalbox.audit.seq']) AS seq,
            SpanAttributes['signalbox.audit.hash'] AS hash,
            SpanAttributes['signalbox.audit.prev_hash'] AS prev_hash,
            lower(hex(SHA256(arrayStringConcat(arrayMap(
                pair -> concat(toString(length(pair.1)), ':', pair.1, toString(length(pair.2)), ':', pair.2),
                arrayConcat(
                    [
                        ('@trace', TraceId),
                        ('@span', SpanId),
                        ('@parent', ParentSpanId),
                        ('@start_us', if(toUnixTimestamp64Nano(Timestamp) % 1000 = 0, toString(intDiv(toUnixTimestamp64Nano(Timestamp), 1000)), 'not whole')),
                        ('@duration_us', if(Duration % 1000 = 0, toString(intDiv(Duration, 1000)), 'not whole')),
                        ('@name', toString(SpanName))
                    ],
                    arraySort(arrayFilter(
                        pair -> pair.1 != 'signalbox.audit.hash',
                        CAST(SpanAttributes, 'Array(Tuple(String, String))')
                    ))
                )
            ))))) AS computed
        FROM otel_traces
        WHERE SpanKind = 'Server' AND SpanAttributes['signalbox.audit.producer'] = {producer:String}
            AND Timestamp >= {from:DateTime64(6, 'UTC')} AND Timestamp <= {to:DateTime64(6, 'UTC')} + INTERVAL 1 SECOND
            AND seq BETWEEN {first_seq:UInt64} AND {last_seq:UInt64}
    ),
    chained AS (
        SELECT
            seq, hash, prev_hash, computed,
            lagInFrame(seq) OVER chain AS seq_before,
            lagInFrame(hash) OVER chain AS hash_before,
            lagInFrame(at) OVER chain AS at_before
        FROM hashed
        WINDOW chain AS (ORDER BY seq, hash ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
    )
SELECT
    toString(chained.seq) AS record_seq,
    multiIf(
        computed != hash, 'content',
        seq_before = chained.seq AND hash_before = hash, 'duplicate',
        seq_before = chained.seq, 'conflict',
        seq_before = 0 AND chained.seq = 1 AND prev_hash != repeat('0', 64), 'link',
        seq_before = 0, '',
        seq_before + 1 != chained.seq, if(at_before < {complete_from:DateTime64(6, 'UTC')}, '', 'gap'),
        prev_hash != hash_before, 'link',
        ''
    ) AS problem,
    multiIf(problem = 'content', hash, problem = 'gap', toString(seq_before + 1), problem = 'link', if(seq_before = 0, repeat('0', 64), hash_before), problem = 'conflict', hash_before, '') AS expected,
    multiIf(problem = 'content', computed, problem = 'gap', toString(chained.seq), problem = 'link', prev_hash, problem = 'conflict', hash, '') AS actual
FROM chained
WHERE problem != ''
ORDER BY problem = 'duplicate', chained.seq
LIMIT {limit:UInt32}
