-- question: Of each flow, how much work of the class read the source before, and how much of that passed a value on to the argument?
-- params: history_from_ms, window_start_ms (Unix milliseconds); instruction_score; units, classes, source_servers,
--   source_tools, servers, tools, paths: a place each for a flow; instructed: 1 for those of text that counts as instructions
-- out: flow (its place, from 1), units, units_with: as the evidence counts them
-- scans: calls of the flows' tools from history_from to window_start, 13 columns, twice, for all flows together; memory for
--   a number of each piece of work and tool
WITH
    fromUnixTimestamp64Milli({history_from_ms:Int64}, 'UTC') AS history_from,
    fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AS window_start,
    before AS
    (
        SELECT
            cityHash64(multiIf(
                task_id != '', concat('task ', task_id),
                parent_span_id != '', concat('trace ', agent, ' ', trace_id),
                session_id != '', concat('session ', agent, ' ', session_id),
                concat('agent ', agent)
            )) AS work,
            if(task_class != '', toString(task_class), concat('agent:', agent)) AS class,
            server, tool, arg_paths, arg_flow_from, arg_flow_scores
        FROM calls
        WHERE ts >= history_from AND ts < window_start AND method = 'tools/call'
            AND (server, tool) IN (
                SELECT pair.1, pair.2
                FROM (SELECT arrayJoin(arrayZip(arrayConcat({source_servers:Array(String)}, {servers:Array(String)}), arrayConcat({source_tools:Array(String)}, {tools:Array(String)}))) AS pair)
            )
    ),
    reading AS
    (
        SELECT class, toString(server) AS source_server, toString(tool) AS source_tool, groupUniqArray(work) AS readers
        FROM before
        GROUP BY class, source_server, source_tool
    ),
    passing AS
    (
        SELECT class, toString(server) AS sink_server, toString(tool) AS sink_tool, toString(leaf.1) AS path, groupUniqArray(work) AS any_takers, groupUniqArrayIf(work, leaf.2 >= {instruction_score:Float32}) AS instructed_takers
        FROM before
        ARRAY JOIN arrayFilter(l -> l.3 > 0, arrayZip(arg_paths, arg_flow_scores, arg_flow_from)) AS leaf
        GROUP BY class, sink_server, sink_tool, path
    ),
    flows AS
    (
        SELECT
            arrayJoin(arrayEnumerate({units:Array(String)})) AS flow,
            cityHash64({units:Array(String)}[flow]) AS own,
            {classes:Array(String)}[flow] AS class,
            {source_servers:Array(String)}[flow] AS source_server,
            {source_tools:Array(String)}[flow] AS source_tool,
            {servers:Array(String)}[flow] AS sink_server,
            {tools:Array(String)}[flow] AS sink_tool,
            {paths:Array(String)}[flow] AS path,
            {instructed:Array(UInt8)}[flow] AS is_instructed
    )
SELECT flow, toUInt32(length(others)) AS units, toUInt32(length(arrayIntersect(others, takers))) AS units_with
FROM
(
    SELECT
        toUInt32(f.flow) AS flow,
        arrayFilter(work -> work != f.own, r.readers) AS others,
        if(f.is_instructed = 1, p.instructed_takers, p.any_takers) AS takers
    FROM flows AS f
    LEFT JOIN reading AS r ON r.class = f.class AND r.source_server = f.source_server AND r.source_tool = f.source_tool
    LEFT JOIN passing AS p ON p.class = f.class AND p.sink_server = f.sink_server AND p.sink_tool = f.sink_tool AND p.path = f.path
)
ORDER BY flow
