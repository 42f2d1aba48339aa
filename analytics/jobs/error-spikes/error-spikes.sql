-- question: How many forwarded calls failed per tool and per server, in each five minutes up to the end of the window?
-- params: history_from_ms, window_end_ms (Unix milliseconds); newest: so many of the last buckets are "now"
-- out: entity_kind, agent (always ''), server, tool; newest: [[age, calls, hits]] with age 0 the last bucket; history: the same
--   for older buckets, empty where nothing failed in the last bucket, since nothing can be found there
-- scans: calls_1m from history_from to window_end, 5 columns; one group an entity and bucket
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end
SELECT
    if(entity_tool = '', 'server', 'tool') AS entity_kind,
    '' AS agent,
    entity_server AS server,
    entity_tool AS tool,
    arraySort(groupArrayIf((age, total, hits), age < {newest:UInt32})) AS newest,
    if(sumIf(hits, age = 0) > 0, arraySort(b -> -b.1, groupArrayIf((age, total, hits), age >= {newest:UInt32})), []) AS history
FROM
(
    SELECT
        toString(server) AS entity_server,
        entity_tool,
        toUInt32(intDiv(toUnixTimestamp(window_end) - 1 - toUnixTimestamp(minute), 300)) AS age,
        toUInt32(sum(calls)) AS total,
        toUInt32(sumIf(calls, outcome IN ('tool_error', 'rpc_error', 'transport_error', 'timeout'))) AS hits
    FROM calls_1m
    ARRAY JOIN arrayDistinct([toString(tool), '']) AS entity_tool
    WHERE minute >= history_from AND minute < window_end
        AND method IN ('tools/call', 'resources/read', 'prompts/get') AND server != ''
        -- What was refused, held or called off never had a chance to fail.
        AND outcome NOT IN ('denied', 'held', 'cancelled', 'interrupted')
    GROUP BY entity_server, entity_tool, age
)
GROUP BY entity_server, entity_tool
HAVING sumIf(total, age = 0) > 0
ORDER BY entity_kind, server, tool
