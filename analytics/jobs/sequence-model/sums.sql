-- question: What followed what in a stretch of counted blocks?
-- params: from_ms, to_ms (Unix milliseconds); most: so many, the most frequent
-- out: class, kind, context, next, count
-- scans: sequence_counts of the blocks; of a block that was counted again the newest count
SELECT task_class AS class, kind, context, next, toFloat64(sum(counts.count)) AS count
FROM sequence_counts AS counts FINAL
WHERE block >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND block < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND (block, counted_at) IN
    (
        SELECT block, max(counted_at)
        FROM sequence_blocks
        WHERE block >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND block < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
        GROUP BY block
    )
GROUP BY class, kind, context, next
ORDER BY count DESC, class, kind, context, next
LIMIT {most:UInt32}
