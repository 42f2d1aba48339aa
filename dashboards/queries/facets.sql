-- question: Which values can the calls of the range be filtered by?
-- Parameters: from_ms, to_ms. Out: dimension, value, calls; at most 100 values each. Scans: the counters of the range, days and hours where they fit.
SELECT facet.1 AS dimension, facet.2 AS value, total
FROM (
    -- One row a value of each column; the other columns are empty in it, as are those that stand for no value at all.
    SELECT agent, server, tool, method, decision, basis, outcome, task_class, risk_tier, sum(c.calls) AS total
    FROM calls_between(from_ms = {from_ms:Int64}, to_ms = {to_ms:Int64}, step_s = 86400) AS c
    GROUP BY GROUPING SETS ((agent), (server), (tool), (method), (decision), (basis), (outcome), (task_class), (risk_tier))
)
ARRAY JOIN [('agent', agent), ('server', server), ('tool', tool), ('method', method), ('decision', decision), ('basis', basis), ('outcome', outcome), ('task_class', task_class), ('tier', risk_tier)] AS facet
WHERE facet.2 != ''
ORDER BY dimension, total DESC, value
LIMIT 100 BY dimension
