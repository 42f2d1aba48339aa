-- question: What happened in each hour to each server, tool, agent and class of tasks?
-- params: from_ms, to_ms (Unix milliseconds, whole hours); kinds: of these; latency: whether the upstream's time
--   is asked for
-- out: kind, entity, parent_kind, parent; hours: [[hours since from_ms, calls, denied, forwarded, failed]]; latencies: [[hours since
--   from_ms, p50 and p95 in ms, calls]], both in order of time. Hours without calls are left out.
-- scans: calls_1h between from_ms and to_ms, 7 columns, once for places and once for agents, as far as they are asked for; for
--   servers and tools latency_1h, 3 columns and a sketch
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
    kind, entity, parent_kind, parent,
    arraySort(groupArrayIf((number, calls, denied, forwarded, failed), calls > 0)) AS hours,
    arraySort(groupArrayIf((number, at_ms[1], at_ms[2], answered), answered > 0)) AS latencies
FROM
(
    -- Names are put together of what was counted, and not of each row. A kind that nobody asked for is a constant condition.
    SELECT
        part.1 AS kind, part.2 AS entity, part.3 AS parent_kind, part.4 AS parent, number,
        toFloat64(sum(calls)) AS calls, toFloat64(sum(denied)) AS denied, toFloat64(sum(forwarded)) AS forwarded, toFloat64(sum(failed)) AS failed,
        [0., 0.] AS at_ms, 0. AS answered
    FROM
    (
        SELECT server, tool, number, sum(made) AS calls, sumIf(made, refused) AS denied, sumIf(made, NOT kept_back) AS forwarded, sumIf(made, fault) AS failed
        FROM counted
        WHERE hasAny({kinds:Array(String)}, ['all', 'server', 'tool'])
        GROUP BY server, tool, number
    )
    ARRAY JOIN arrayFilter(p -> p.2 != '' AND has({kinds:Array(String)}, p.1), [
        ('all', 'all', '', ''),
        ('server', toString(server), 'all', 'all'),
        ('tool', if(tool = '' OR server = '', '', concat(server, '/', tool)), 'server', toString(server))
    ]) AS part
    GROUP BY kind, entity, parent_kind, parent, number
    UNION ALL
    SELECT
        part.1 AS kind, part.2 AS entity, part.3 AS parent_kind, part.4 AS parent, number,
        toFloat64(sum(calls)) AS calls, toFloat64(sum(denied)) AS denied, toFloat64(sum(forwarded)) AS forwarded, toFloat64(sum(failed)) AS failed,
        [0., 0.] AS at_ms, 0. AS answered
    FROM
    (
        SELECT agent, task_class, number, sum(made) AS calls, sumIf(made, refused) AS denied, sumIf(made, NOT kept_back) AS forwarded, sumIf(made, fault) AS failed
        FROM counted
        WHERE hasAny({kinds:Array(String)}, ['agent', 'task_class'])
        GROUP BY agent, task_class, number
    )
    ARRAY JOIN arrayFilter(p -> p.2 != '' AND has({kinds:Array(String)}, p.1), [
        ('agent', toString(agent), 'all', 'all'),
        ('task_class', toString(task_class), 'all', 'all')
    ]) AS part
    GROUP BY kind, entity, parent_kind, parent, number
    UNION ALL
    SELECT
        part.1 AS kind, part.2 AS entity, part.3 AS parent_kind, part.4 AS parent,
        toUInt16(intDiv(toUnixTimestamp(hour) - toUnixTimestamp(range_from), 3600)) AS number,
        0. AS calls, 0. AS denied, 0. AS forwarded, 0. AS failed,
        arrayMap(us -> toFloat64(us) / 1000, quantilesTDigestMerge(0.5, 0.95, 0.99)(upstream_us)) AS at_ms,
        toFloat64(sum(l.calls)) AS answered
    FROM latency_1h AS l
    ARRAY JOIN arrayFilter(p -> p.2 != '' AND has({kinds:Array(String)}, p.1), [
        ('all', 'all', '', ''),
        ('server', toString(server), 'all', 'all'),
        ('tool', if(tool = '' OR server = '', '', concat(server, '/', tool)), 'server', toString(server))
    ]) AS part
    WHERE hour >= range_from AND hour < range_to AND {latency:Bool}
    GROUP BY kind, entity, parent_kind, parent, number
)
GROUP BY kind, entity, parent_kind, parent
ORDER BY kind, entity
