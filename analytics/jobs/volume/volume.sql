-- question: How many calls did each agent make and each server get in the hour?
-- params: window_start_ms, window_end_ms (Unix milliseconds, a whole hour)
-- out: entity_kind, entity, calls; who made none is left out
-- scans: calls_1h of the hour, 4 columns
SELECT part.1 AS entity_kind, part.2 AS entity, toFloat64(sum(calls_1h.calls)) AS calls
FROM calls_1h
ARRAY JOIN [('agent', toString(agent)), ('server', toString(server))] AS part
WHERE hour >= fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AND hour < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC')
    AND method IN ('tools/call', 'resources/read', 'prompts/get')
    AND part.2 != ''
GROUP BY entity_kind, entity
ORDER BY entity_kind, entity
