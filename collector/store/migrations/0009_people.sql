-- What people decided, as numbers are made of it.

-- How often each exception was used, and where: every use is a call of its own.
CREATE VIEW IF NOT EXISTS exception_uses AS
SELECT
    exception_id,
    count() AS uses,
    countIf(risk_tier = 'high') AS high_risk_uses,
    min(ts) AS first_used_at,
    max(ts) AS last_used_at,
    arraySort(groupUniqArray(20)(toString(agent))) AS agents,
    arraySort(groupUniqArray(20)(concat(server, '/', tool))) AS tools
FROM (SELECT exception_id, risk_tier, ts, agent, server, tool FROM calls WHERE exception_id != '' AND basis = 'exception' LIMIT 1 BY producer, seq)
GROUP BY exception_id;

-- Each decision about an approval and how long it took: who agrees to everything within seconds is seen here.
CREATE VIEW IF NOT EXISTS approval_decisions AS
SELECT
    d.journal AS journal,
    d.subject AS approval_id,
    d.at AS decided_at,
    d.by AS decided_by,
    JSONExtractString(d.json, 'verdict') AS verdict,
    JSONExtractString(d.json, 'comment') AS comment,
    r.at AS requested_at,
    dateDiff('millisecond', r.at, d.at) AS wait_ms,
    JSONExtractString(r.json, 'approval', 'agent') AS agent,
    JSONExtractString(r.json, 'approval', 'server') AS server,
    JSONExtractString(r.json, 'approval', 'tool') AS tool,
    JSONExtractString(r.json, 'approval', 'effect') AS effect
FROM (SELECT * FROM control_events FINAL WHERE kind = 'approval.decided') AS d
INNER JOIN (SELECT * FROM control_events FINAL WHERE kind = 'approval.requested') AS r ON r.journal = d.journal AND r.subject = d.subject;
