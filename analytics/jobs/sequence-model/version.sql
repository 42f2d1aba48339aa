-- question: What follows what in the version before, with some counted blocks added and some taken away? Keeps it in sequence_transitions.
-- params: version, learnt_to_ms (Unix milliseconds); before: a version, '' for none; added, added_at_ms and dropped, dropped_at_ms: a
--   block (Unix seconds) and when it was counted at each place; most: so many transitions, the most frequent
-- out: version, learnt_to, class, kind, context, next, count
-- scans: sequence_transitions of the version before; sequence_counts of these blocks
INSERT INTO sequence_transitions (version, learnt_to, task_class, kind, context, next, count)
SELECT
    {version:String},
    toDateTime(intDiv({learnt_to_ms:Int64}, 1000), 'UTC'),
    task_class, kind, context, next,
    toUInt64(sum(n)) AS total
FROM
(
    SELECT task_class, kind, context, next, toInt64(count) AS n
    FROM sequence_transitions FINAL
    WHERE version = {before:String}
    UNION ALL
    SELECT task_class, kind, context, next, toInt64(count) AS n
    FROM sequence_counts FINAL
    WHERE (block, counted_at) IN (SELECT arrayJoin(arrayMap((at, counted) -> (toDateTime(at, 'UTC'), fromUnixTimestamp64Milli(counted, 'UTC')), {added:Array(UInt32)}, {added_at_ms:Array(Int64)})))
    UNION ALL
    SELECT task_class, kind, context, next, -toInt64(count) AS n
    FROM sequence_counts FINAL
    WHERE (block, counted_at) IN (SELECT arrayJoin(arrayMap((at, counted) -> (toDateTime(at, 'UTC'), fromUnixTimestamp64Milli(counted, 'UTC')), {dropped:Array(UInt32)}, {dropped_at_ms:Array(Int64)})))
)
GROUP BY task_class, kind, context, next
-- A version that holds only its most frequent transitions may have less of one than is taken away.
HAVING sum(n) > 0
ORDER BY total DESC, task_class, kind, context, next
LIMIT {most:UInt32}
