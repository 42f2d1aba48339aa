-- question: How instruction-shaped was the text that the arguments of these tools came out of, by class?
-- params: servers, tools (one tool a position)
-- out: place (server/tool/effect and the path), class, level (tenths), tasks
-- scans: argument_flows of the tools, by its sorting key
SELECT concat(server, '/', tool, '/', if(effect = '', 'unknown', effect), path) AS place, toString(task_class) AS class, level, toFloat64(uniqCombinedMerge(12)(tasks)) AS tasks
FROM argument_flows
WHERE (server, tool) IN (SELECT arrayJoin(arrayZip({servers:Array(String)}, {tools:Array(String)})))
GROUP BY place, class, level
