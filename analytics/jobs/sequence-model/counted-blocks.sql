-- question: Which blocks are counted, and when?
-- params: from_ms, to_ms (Unix milliseconds)
-- out: block_ms, counted_ms
-- scans: sequence_blocks from from_ms to to_ms
SELECT toUnixTimestamp(block) * 1000 AS block_ms, toUnixTimestamp64Milli(max(counted_at)) AS counted_ms
FROM sequence_blocks
WHERE block >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND block < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY block
