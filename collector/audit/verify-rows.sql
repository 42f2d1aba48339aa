-- question: Which stored records are not what was recorded, or don't continue their producer's chain?
-- parameters: since (received at or after), producer ('' for all), limit (rows returned)
-- columns: producer, record_seq, problem (content, gap, link, conflict, duplicate), expected, actual
-- scans: SpanAttributes and ids of otel_traces from a day before `since`, because a record's place in the chain is that of
--   its end: a call that began before `since` may stand between two that began after it. Sorts by (producer, seq).
-- The form that is hashed is the one of collector/record/canonical.ts; the two must not drift apart.
WITH
    started AS (
        SELECT SpanAttributes['signalbox.audit.producer'] AS producer, min(toUInt64OrZero(SpanAttributes['signalbox.audit.seq'])) AS first_seq
        FROM otel_traces
        WHERE SpanKind = 'Server' AND producer != '' AND Timestamp >= {since:DateTime64(6, 'UTC')}
            AND ({producer:String} = '' OR producer = {producer:String})
        GROUP BY producer
    ),
    hashed AS (
        SELECT
            SpanAttributes['signalbox.audit.producer'] AS producer,
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
        WHERE SpanKind = 'Server' AND producer != '' AND Timestamp >= {since:DateTime64(6, 'UTC')} - INTERVAL 1 DAY
            AND ({producer:String} = '' OR producer = {producer:String})
    ),
    chained AS (
        SELECT
            producer, seq, hash, prev_hash, computed,
            lagInFrame(seq) OVER chain AS seq_before,
            lagInFrame(hash) OVER chain AS hash_before
        FROM hashed
        INNER JOIN started USING (producer)
        WHERE seq >= first_seq
        WINDOW chain AS (PARTITION BY producer ORDER BY seq, hash ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
    )
SELECT
    producer,
    toString(chained.seq) AS record_seq,
    multiIf(
        computed != hash, 'content',
        seq_before = chained.seq AND hash_before = hash, 'duplicate',
        seq_before = chained.seq, 'conflict',
        seq_before = 0 AND chained.seq = 1 AND prev_hash != repeat('0', 64), 'link',
        seq_before = 0, '',
        seq_before + 1 != chained.seq, 'gap',
        prev_hash != hash_before, 'link',
        ''
    ) AS problem,
    multiIf(problem = 'content', hash, problem = 'gap', toString(seq_before + 1), problem = 'link', if(seq_before = 0, repeat('0', 64), hash_before), problem = 'conflict', hash_before, '') AS expected,
    multiIf(problem = 'content', computed, problem = 'gap', toString(chained.seq), problem = 'link', prev_hash, problem = 'conflict', hash, '') AS actual
FROM chained
WHERE problem != ''
ORDER BY problem = 'duplicate', producer, chained.seq
LIMIT {limit:UInt32}
SETTINGS max_bytes_before_external_sort = 500000000
