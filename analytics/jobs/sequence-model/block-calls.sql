-- question: How many calls of tools has each hour?
-- params: from_ms, to_ms (Unix milliseconds)
-- out: block_ms, calls; hours without calls are left out
-- scans: calls_1h from from_ms to to_ms, 5 columns
SELECT toUnixTimestamp(hour) * 1000 AS block_ms, toFloat64(sum(calls_1h.calls)) AS calls
FROM calls_1h
WHERE hour >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND hour < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND method = 'tools/call' AND tool != '' AND basis != 'imported'
GROUP BY hour
