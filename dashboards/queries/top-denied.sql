-- question: Which agents and tools are refused most in the range?
-- Parameters: from_ms, to_ms. Out: at most 8 rows. Scans: the counters of the range, days and hours where they fit.
SELECT agent, server, tool, sumIf(c.calls, decision = 'deny') AS denied, sum(c.calls) AS total
FROM calls_between(from_ms = {from_ms:Int64}, to_ms = {to_ms:Int64}, step_s = 86400) AS c
GROUP BY agent, server, tool
HAVING denied > 0
ORDER BY denied DESC, agent, server, tool
LIMIT 8
