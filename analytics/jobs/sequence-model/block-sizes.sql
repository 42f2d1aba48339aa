-- question: How many counts has each block of one counting?
-- params: from_ms, to_ms, counted_at_ms (Unix milliseconds)
-- out: block_ms, counts
-- scans: sequence_counts of the blocks, 2 columns
SELECT toUnixTimestamp(block) * 1000 AS block_ms, toUInt32(count()) AS counts
FROM sequence_counts
WHERE block >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND block < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND counted_at = fromUnixTimestamp64Milli({counted_at_ms:Int64}, 'UTC')
GROUP BY block
