-- question: How many calls were denied per agent and per tool, in each five minutes up to the end of the window?
-- params: history_from_ms, window_end_ms (Unix milliseconds); newest: so many of the last buckets are "now"
-- out: entity_kind, agent, server, tool; newest: [[age, calls, hits]] with age 0 the last bucket; history: the same for
--   older buckets, empty where the last bucket has no denial, since nothing can be found there
-- scans: calls_1m from history_from to window_end, 6 columns, twice; one group an entity and bucket
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end
SELECT
    entity_kind,
    entity_agent AS agent,
    entity_server AS server,
    entity_tool AS tool,
    arraySort(groupArrayIf((age, total, hits), age < {newest:UInt32})) AS newest,
    if(sumIf(hits, age = 0) > 0, arraySort(b -> -b.1, groupArrayIf((age, total, hits), age >= {newest:UInt32})), []) AS history
FROM
(
    -- Each kind by itself: to make both of every row costs more than to read the rows twice.
    SELECT
        'agent' AS entity_kind,
        toString(agent) AS entity_agent,
        '' AS entity_server,
        '' AS entity_tool,
        toUInt32(intDiv(toUnixTimestamp(window_end) - 1 - toUnixTimestamp(minute), 300)) AS age,
        toUInt32(sum(calls)) AS total,
        toUInt32(sumIf(calls, decision = 'deny')) AS hits
    FROM calls_1m
    WHERE minute >= history_from AND minute < window_end
        AND method IN ('tools/call', 'resources/read', 'prompts/get') AND agent != ''
    GROUP BY agent, age
    UNION ALL
    SELECT
        'tool' AS entity_kind,
        '' AS entity_agent,
        toString(server) AS entity_server,
        toString(tool) AS entity_tool,
        toUInt32(intDiv(toUnixTimestamp(window_end) - 1 - toUnixTimestamp(minute), 300)) AS age,
        toUInt32(sum(calls)) AS total,
        toUInt32(sumIf(calls, decision = 'deny')) AS hits
    FROM calls_1m
    WHERE minute >= history_from AND minute < window_end
        AND method IN ('tools/call', 'resources/read', 'prompts/get') AND tool != ''
    GROUP BY server, tool, age
)
GROUP BY entity_kind, entity_agent, entity_server, entity_tool
HAVING sumIf(total, age = 0) > 0
ORDER BY entity_kind, agent, server, tool
