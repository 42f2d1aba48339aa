-- question: What dashboards/queries/facets.sql asks, of every single call.
SELECT facet.1 AS dimension, facet.2 AS value, sum(attempts) AS total
FROM {table:Identifier}
ARRAY JOIN [('agent', agent), ('server', server), ('tool', tool), ('method', method), ('decision', decision), ('basis', basis), ('outcome', outcome), ('task_class', task_class), ('tier', risk_tier)] AS facet
WHERE ts >= toStartOfMinute(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND ts < fromUnixTimestamp64Milli(intDiv({to_ms:Int64} + 59999, 60000) * 60000, 'UTC')
    AND facet.2 != ''
GROUP BY dimension, value
ORDER BY dimension, total DESC, value
LIMIT 100 BY dimension
