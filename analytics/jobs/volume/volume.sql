-- question: How many calls did each agent make and each server get, hour by hour up to the end of the window?
-- params: history_from_ms, window_end_ms (Unix milliseconds, whole hours)
-- out: entity_kind, agent, server; hours: [[age, calls]] with age 0 the last hour, hours without calls left out
-- scans: calls_1h from history_from to window_end, 4 columns; one group an entity and hour
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end
SELECT entity_kind, entity_agent AS agent, entity_server AS server, groupArray((age, total)) AS hours
FROM
(
    SELECT
        entity.1 AS entity_kind,
        entity.2 AS entity_agent,
        entity.3 AS entity_server,
        toUInt32(intDiv(toUnixTimestamp(window_end) - 1 - toUnixTimestamp(hour), 3600)) AS age,
        toFloat64(sum(calls)) AS total
    FROM calls_1h
    ARRAY JOIN [('agent', toString(agent), ''), ('server', '', toString(server))] AS entity
    WHERE hour >= history_from AND hour < window_end
        AND method IN ('tools/call', 'resources/read', 'prompts/get')
        AND (entity_agent != '' OR entity_server != '')
    GROUP BY entity_kind, entity_agent, entity_server, age
)
GROUP BY entity_kind, entity_agent, entity_server
ORDER BY entity_kind, agent, server
