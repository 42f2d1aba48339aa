-- question: Among which kinds of error, tools, agents and versions are the failures of some servers and tools, now and before?
-- params: oldest_ms, history_to_ms, window_end_ms, as_of_ms (Unix milliseconds; hours of incidents that were known then are no
--   history); servers, tools: a place each for an entity, '' for all tools of a server; agents: '' at each place, since errors
--   are a server's; histories_from_ms and span_starts_ms: from where its history goes, and since when is now for it. No history
--   goes back beyond oldest_ms
-- out: agent, server, tool: the entity; dimension, value, hits, hits_before (failed calls); the six values with the most
--   failures now of each dimension
-- scans: incident_hours; failed calls of these servers from oldest to window_end, 10 columns, once for all entities
WITH
    fromUnixTimestamp64Milli({oldest_ms:Int64}, 'UTC') AS oldest,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end,
    arrayZip({agents:Array(String)}, {servers:Array(String)}, {tools:Array(String)}) AS entities,
    (
        SELECT groupUniqArray((mark, hour))
        FROM incident_hours(as_of_ms = {as_of_ms:Int64}, from_ms = {oldest_ms:Int64}, to_ms = {history_to_ms:Int64})
        WHERE match(mark, '^(server|tool|tools of):')
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
            entity.3 = '',
            has(left_out, (concat('server:', entity.2), toStartOfHour(ts))),
            has(left_out, (concat('tool:', entity.2, '/', entity.3), toStartOfHour(ts))) OR has(left_out, (concat('tools of:', entity.2), toStartOfHour(ts)))
        ) AS out,
        [
            ('error_type', if(error_type = '', toString(outcome), toString(error_type))),
            ('rpc_code', toString(rpc_code)),
            ('upstream_status', if(upstream_status < 400, '', toString(upstream_status))),
            ('tool', if(tool = '', '', concat(server, '/', tool))),
            ('agent', toString(agent)),
            ('server_version', toString(server_version))
        ] AS parts
    FROM calls
    ARRAY JOIN arrayFilter(e -> has(entities, e), arrayDistinct([('', toString(server), toString(tool)), ('', toString(server), '')])) AS entity
    WHERE ts >= oldest AND ts < window_end AND outcome IN ('tool_error', 'rpc_error', 'transport_error', 'timeout')
        AND method IN ('tools/call', 'resources/read', 'prompts/get')
        AND server IN {servers:Array(String)}
)
ARRAY JOIN parts AS part
WHERE part.2 != ''
GROUP BY agent, server, tool, dimension, value
HAVING hits > 0
ORDER BY agent, server, tool, dimension, hits DESC, value
LIMIT 6 BY agent, server, tool, dimension
