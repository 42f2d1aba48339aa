SELECT
    c.minute AS minute, c.server AS server, c.tool AS tool, c.decision AS decision,
    sum(c.calls) AS calls,
    sum(c.duration_us) AS duration_us,
    sum(c.result_bytes) AS result_bytes,
    any(l.calls) AS timed_calls,
    any(l.upstream) AS upstream_us
FROM calls_1m AS c
LEFT JOIN (
    SELECT minute, server, tool, sum(calls) AS calls, quantilesTDigestMerge(0.5, 0.95, 0.99)(upstream_us) AS upstream
    FROM latency_1m
    GROUP BY minute, server, tool
) AS l USING (minute, server, tool)
GROUP BY minute, server, tool, decision
ORDER BY minute, decision
