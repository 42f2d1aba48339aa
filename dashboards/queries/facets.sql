-- question: Which values can the calls of the range be filtered by?
-- Parameters: from_ms, to_ms. Out: dimension, value, calls; at most 100 values each. Scans: calls_1m of the range.
SELECT facet.1 AS dimension, facet.2 AS value, sum(c.calls) AS total
FROM calls_1m AS c
ARRAY JOIN [('agent', agent), ('server', server), ('tool', tool), ('method', method), ('decision', decision), ('basis', basis), ('outcome', outcome), ('task_class', task_class), ('tier', risk_tier)] AS facet
WHERE minute >= toStartOfMinute(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND minute < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND facet.2 != ''
GROUP BY dimension, value
ORDER BY dimension, total DESC, value
LIMIT 100 BY dimension
