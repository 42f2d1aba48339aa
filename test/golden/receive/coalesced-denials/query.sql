SELECT
    decision,
    groupArray((seq, attempts)) AS records,
    sum(attempts) AS calls,
    (SELECT sum(m.calls) FROM calls_1m AS m WHERE m.decision = c.decision) AS minutes,
    (SELECT sum(s.attempts) FROM calls_from_spans AS s WHERE s.decision = c.decision) AS derived
FROM (SELECT * FROM calls ORDER BY seq) AS c
GROUP BY decision
ORDER BY decision
