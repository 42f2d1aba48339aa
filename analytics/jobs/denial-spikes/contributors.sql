-- question: Among which agents, tools, servers, reasons and policies are the denials of some agents and tools, now and before?
-- params: oldest_ms, history_to_ms, window_end_ms, as_of_ms (Unix milliseconds; hours of incidents that were known then are no
--   history); agents, servers, tools: a place each for an entity, '' for what it has none of; histories_from_ms and span_starts_ms:
--   from where its history goes, and since when is now for it. No history goes back beyond oldest_ms
-- out: agent, server, tool: the entity; dimension, value, hits, hits_before (denied calls); the six values with the most
--   denials now of each dimension
-- scans: incident_hours; denied calls from oldest to window_end, 8 columns, once for all entities
WITH
    fromUnixTimestamp64Milli({oldest_ms:Int64}, 'UTC') AS oldest,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    arrayZip({agents:Array(String)}, {servers:Array(String)}, {tools:Array(String)}) AS entities,
    (
        SELECT groupUniqArray((mark, hour))
        FROM incident_hours(as_of_ms = {as_of_ms:Int64}, from_ms = {oldest_ms:Int64}, to_ms = {history_to_ms:Int64})
        WHERE match(mark, '^(agent|tool|tools of):')
    ) AS left_out
SELECT
    entity.1 AS agent,
    entity.2 AS server,
    entity.3 AS tool,
    part.1 AS dimension,
    part.2 AS value,
    toUInt32(sumIf(n, at_ms >= {span_starts_ms:Array(Int64)}[place])) AS hits,
    toUInt32(sumIf(n, at_ms < {history_to_ms:Int64} AND at_ms >= {histories_from_ms:Array(Int64)}[place] AND NOT out)) AS hits_before
FROM
(
    SELECT
        entity,
        indexOf(entities, entity) AS place,
        toUnixTimestamp64Milli(toDateTime64(ts, 3, 'UTC')) AS at_ms,
        attempts AS n,
        notEmpty(left_out) AND if(
            entity.1 != '',
            has(left_out, (concat('agent:', entity.1), toStartOfHour(ts))),
            has(left_out, (concat('tool:', entity.2, '/', entity.3), toStartOfHour(ts))) OR has(left_out, (concat('tools of:', entity.2), toStartOfHour(ts)))
        ) AS out,
        arrayConcat(
            [
                ('agent', toString(agent)),
                ('tool', if(tool = '', '', concat(server, '/', tool))),
                ('server', toString(server)),
                ('reason', toString(reason))
            ],
            arrayMap(id -> ('policy', toString(id)), policy_ids)
        ) AS parts
    FROM calls
    ARRAY JOIN arrayFilter(e -> has(entities, e), [(toString(agent), '', ''), ('', toString(server), toString(tool))]) AS entity
    WHERE ts >= oldest AND ts < window_end AND decision = 'deny'
        AND method IN ('tools/call', 'resources/read', 'prompts/get')
        AND (agent IN {agents:Array(String)} OR (server IN {servers:Array(String)} AND tool IN {tools:Array(String)}))
)
ARRAY JOIN parts AS part
WHERE part.2 != ''
GROUP BY agent, server, tool, dimension, value
HAVING hits > 0
ORDER BY agent, server, tool, dimension, hits DESC, value
LIMIT 6 BY agent, server, tool, dimension
