-- question: What happened in each hour to each agent at a server, agent with a tool, and class of tasks with a tool?
-- params: from_ms, to_ms (Unix milliseconds, whole hours); kinds: of these; slices: of the pairs those of the servers, or tools, that
--   fall in one of these of twelve, which are whole families: there are many
-- out: kind, entity, parent_kind, parent; hours: [[hours since from_ms, calls, denied, forwarded, failed]] in order of time; latencies
--   (always empty). Hours without calls are left out.
-- scans: calls_1h between from_ms and to_ms, 7 columns, once a kind
WITH
    fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AS range_from,
    fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC') AS range_to,
    counted AS
    (
        SELECT
            agent, task_class, server, tool, calls AS made,
            toUInt16(intDiv(toUnixTimestamp(hour) - toUnixTimestamp(range_from), 3600)) AS number,
            decision = 'deny' AS refused,
            -- What was refused, held or called off never had a chance to fail.
            outcome IN ('denied', 'held', 'cancelled', 'interrupted') AS kept_back,
            outcome IN ('tool_error', 'rpc_error', 'transport_error', 'timeout') AS fault
        FROM calls_1h
        WHERE hour >= range_from AND hour < range_to AND method IN ('tools/call', 'resources/read', 'prompts/get')
    )
SELECT
    'agent_server' AS kind, concat(agent, '@', server) AS entity, 'server' AS parent_kind, toString(server) AS parent,
    arraySort(groupArray((number, calls, denied, forwarded, failed))) AS hours, CAST([], 'Array(Tuple(UInt16, Float64, Float64, Float64))') AS latencies
FROM
(
    SELECT agent, server, number, toFloat64(sum(made)) AS calls, toFloat64(sumIf(made, refused)) AS denied, toFloat64(sumIf(made, NOT kept_back)) AS forwarded, toFloat64(sumIf(made, fault)) AS failed
    FROM counted
    WHERE has({kinds:Array(String)}, 'agent_server') AND has({slices:Array(UInt8)}, toUInt8(sipHash64(server) % 12)) AND agent != '' AND server != ''
    GROUP BY agent, server, number
)
GROUP BY agent, server
UNION ALL
SELECT
    'agent_tool' AS kind, concat(agent, '@', server, '/', tool) AS entity, 'tool' AS parent_kind, concat(server, '/', tool) AS parent,
    arraySort(groupArray((number, calls, denied, forwarded, failed))) AS hours, CAST([], 'Array(Tuple(UInt16, Float64, Float64, Float64))') AS latencies
FROM
(
    SELECT agent, server, tool, number, toFloat64(sum(made)) AS calls, toFloat64(sumIf(made, refused)) AS denied, toFloat64(sumIf(made, NOT kept_back)) AS forwarded, toFloat64(sumIf(made, fault)) AS failed
    FROM counted
    WHERE has({kinds:Array(String)}, 'agent_tool') AND has({slices:Array(UInt8)}, toUInt8((sipHash64(server) + sipHash64(tool)) % 12)) AND agent != '' AND tool != '' AND server != ''
    GROUP BY agent, server, tool, number
)
GROUP BY agent, server, tool
UNION ALL
SELECT
    'task_class_tool' AS kind, concat(task_class, '@', server, '/', tool) AS entity, 'tool' AS parent_kind, concat(server, '/', tool) AS parent,
    arraySort(groupArray((number, calls, denied, forwarded, failed))) AS hours, CAST([], 'Array(Tuple(UInt16, Float64, Float64, Float64))') AS latencies
FROM
(
    SELECT task_class, server, tool, number, toFloat64(sum(made)) AS calls, toFloat64(sumIf(made, refused)) AS denied, toFloat64(sumIf(made, NOT kept_back)) AS forwarded, toFloat64(sumIf(made, fault)) AS failed
    FROM counted
    WHERE has({kinds:Array(String)}, 'task_class_tool') AND has({slices:Array(UInt8)}, toUInt8((sipHash64(server) + sipHash64(tool)) % 12)) AND task_class != '' AND tool != '' AND server != ''
    GROUP BY task_class, server, tool, number
)
GROUP BY task_class, server, tool
