-- question: What happened in each hour to each server, tool, agent, class of tasks and their pairs?
-- params: from_ms, to_ms (Unix milliseconds, whole hours); kinds; slices, slice (of the
--   entities those that fall in this slice: all of them may not fit in a query's memory); latency: whether the upstream's time is asked for
-- out: kind, entity, parent_kind, parent; hours: [[hours since from_ms, calls, denied, forwarded, failed]]; latencies: [[hours since
--   from_ms, p50 and p95 in ms, calls]]. Hours without calls are left out.
-- scans: calls_1h and, for servers and tools, latency_1h between from_ms and to_ms, 8 columns and a sketch
WITH
    fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AS range_from,
    fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC') AS range_to
SELECT
    kind, entity, parent_kind, parent,
    arraySort(groupArrayIf((number, calls, denied, forwarded, failed), calls > 0)) AS hours,
    arraySort(groupArrayIf((number, at_ms[1], at_ms[2], answered), answered > 0)) AS latencies
FROM
(
    SELECT
        part.1 AS kind, part.2 AS entity, part.3 AS parent_kind, part.4 AS parent,
        toUInt16(intDiv(toUnixTimestamp(hour) - toUnixTimestamp(range_from), 3600)) AS number,
        toFloat64(sum(c.calls)) AS calls,
        toFloat64(sumIf(c.calls, decision = 'deny')) AS denied,
        -- What was refused, held or called off never had a chance to fail.
        toFloat64(sumIf(c.calls, outcome NOT IN ('denied', 'held', 'cancelled', 'interrupted'))) AS forwarded,
        toFloat64(sumIf(c.calls, outcome IN ('tool_error', 'rpc_error', 'transport_error', 'timeout'))) AS failed,
        [0., 0.] AS at_ms,
        0. AS answered
    FROM calls_1h AS c
    -- What is not asked for is not put together: the conditions on kinds are constants.
    ARRAY JOIN arrayFilter(p -> p.2 != '' AND sipHash64(p.2) % {slices:UInt8} = {slice:UInt8}, [
        ('all', if(has({kinds:Array(String)}, 'all'), 'all', ''), '', ''),
        ('server', if(has({kinds:Array(String)}, 'server'), toString(server), ''), 'all', 'all'),
        ('agent', if(has({kinds:Array(String)}, 'agent'), toString(agent), ''), 'all', 'all'),
        ('task_class', if(has({kinds:Array(String)}, 'task_class'), toString(task_class), ''), 'all', 'all'),
        ('tool', if(has({kinds:Array(String)}, 'tool'), if(tool = '' OR server = '', '', concat(server, '/', tool)), ''), 'server', toString(server)),
        ('agent_server', if(has({kinds:Array(String)}, 'agent_server'), if(agent = '' OR server = '', '', concat(agent, '@', server)), ''), 'server', toString(server)),
        ('agent_tool', if(has({kinds:Array(String)}, 'agent_tool'), if(agent = '' OR tool = '' OR server = '', '', concat(agent, '@', server, '/', tool)), ''), 'tool', concat(server, '/', tool)),
        ('task_class_tool', if(has({kinds:Array(String)}, 'task_class_tool'), if(task_class = '' OR tool = '' OR server = '', '', concat(task_class, '@', server, '/', tool)), ''), 'tool', concat(server, '/', tool))
    ]) AS part
    WHERE hour >= range_from AND hour < range_to AND method IN ('tools/call', 'resources/read', 'prompts/get')
    GROUP BY kind, entity, parent_kind, parent, number
    UNION ALL
    SELECT
        part.1 AS kind, part.2 AS entity, part.3 AS parent_kind, part.4 AS parent,
        toUInt16(intDiv(toUnixTimestamp(hour) - toUnixTimestamp(range_from), 3600)) AS number,
        0. AS calls, 0. AS denied, 0. AS forwarded, 0. AS failed,
        arrayMap(us -> toFloat64(us) / 1000, quantilesTDigestMerge(0.5, 0.95, 0.99)(upstream_us)) AS at_ms,
        toFloat64(sum(l.calls)) AS answered
    FROM latency_1h AS l
    ARRAY JOIN arrayFilter(p -> p.2 != '' AND sipHash64(p.2) % {slices:UInt8} = {slice:UInt8}, [
        ('all', if(has({kinds:Array(String)}, 'all'), 'all', ''), '', ''),
        ('server', if(has({kinds:Array(String)}, 'server'), toString(server), ''), 'all', 'all'),
        ('tool', if(has({kinds:Array(String)}, 'tool'), if(tool = '' OR server = '', '', concat(server, '/', tool)), ''), 'server', toString(server))
    ]) AS part
    WHERE hour >= range_from AND hour < range_to AND {latency:Bool}
    GROUP BY kind, entity, parent_kind, parent, number
)
GROUP BY kind, entity, parent_kind, parent
ORDER BY kind, entity
