-- question: Among which agents, tools, servers, reasons and policies are the denials of some agents and tools, now and before?
-- params: history_from_ms, history_to_ms, window_end_ms (Unix milliseconds); agents, servers, tools: a place each for an
--   entity, '' for what it has none of; span_starts_ms: since when is now for it
-- out: agent, server, tool: the entity; dimension, value, hits, hits_before; the six values with the most now of each dimension
-- scans: denied calls from history_from to window_end, 8 columns, once for all entities
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({history_to_ms:Int64}, 'UTC') AS history_to,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    arrayZip({agents:Array(String)}, {servers:Array(String)}, {tools:Array(String)}) AS entities
SELECT
    entity.1 AS agent,
    entity.2 AS server,
    entity.3 AS tool,
    part.1 AS dimension,
    part.2 AS value,
    toUInt32(sumIf(n, toUnixTimestamp64Milli(toDateTime64(at, 3, 'UTC')) >= {span_starts_ms:Array(Int64)}[indexOf(entities, entity)])) AS hits,
    toUInt32(sumIf(n, at < history_to)) AS hits_before
FROM
(
    SELECT ts AS at, attempts AS n, arrayConcat(
        [
            ('agent', toString(agent)),
            ('tool', if(tool = '', '', concat(server, '/', tool))),
            ('server', toString(server)),
            ('reason', toString(reason))
        ],
        arrayMap(id -> ('policy', toString(id)), policy_ids)
    ) AS parts, entity
    FROM calls
    ARRAY JOIN arrayFilter(e -> has(entities, e), [(toString(agent), '', ''), ('', toString(server), toString(tool))]) AS entity
    WHERE ts >= history_from AND ts < window_end AND decision = 'deny'
        AND method IN ('tools/call', 'resources/read', 'prompts/get')
        AND (agent IN {agents:Array(String)} OR (server IN {servers:Array(String)} AND tool IN {tools:Array(String)}))
)
ARRAY JOIN parts AS part
WHERE part.2 != ''
GROUP BY agent, server, tool, dimension, value
HAVING hits > 0
ORDER BY agent, server, tool, dimension, hits DESC, value
LIMIT 6 BY agent, server, tool, dimension
