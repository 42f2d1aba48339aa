-- question: Which blocks were counted, when, and how many counts has each?
-- params: from_ms, to_ms (Unix milliseconds)
-- out: block_ms, counted_ms, counts; a row for each time that a block was counted
-- scans: sequence_blocks from from_ms to to_ms
SELECT toUnixTimestamp(block) * 1000 AS block_ms, toUnixTimestamp64Milli(counted_at) AS counted_ms, max(counts) AS counts
FROM sequence_blocks
WHERE block >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND block < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY block, counted_at
