-- question: Which traffic was decided by default, because no rule matched?
-- Parameters: from_ms, to_ms. Out: agent, server, tool, decision, calls. Scans: the counters of the range, days and hours where they fit.
SELECT agent, server, tool, decision, sum(c.calls) AS total
FROM calls_between(from_ms = {from_ms:Int64}, to_ms = {to_ms:Int64}, step_s = 86400) AS c
WHERE basis = 'default' AND method = 'tools/call'
GROUP BY agent, server, tool, decision
ORDER BY total DESC, agent, server, tool
LIMIT 500
