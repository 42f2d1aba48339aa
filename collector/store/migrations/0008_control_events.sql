-- Every change of the control state: tasks, stops, approvals, exceptions, quarantine, tool definitions, files that were
-- refused. Appended by the proxy from its journal, at least once; `journal` names the installation, `seq` counts without a gap.
CREATE TABLE IF NOT EXISTS control_events (
    journal LowCardinality(String),
    seq UInt64,
    at DateTime64(3, 'UTC'),
    kind LowCardinality(String),
    -- What it is about: an id, 'server/tool', or the part whose files were refused.
    subject String,
    -- The principal that caused it.
    by String,
    -- The event, whole.
    json String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (journal, seq);

-- Each task with how it ended. Open at a time t: opened_at <= t AND t < ended_at.
CREATE VIEW IF NOT EXISTS tasks_current AS
SELECT
    journal,
    subject AS task_id,
    minIf(at, kind = 'task.opened') AS opened_at,
    anyIf(by, kind = 'task.opened') AS opened_by,
    JSONExtractString(anyIf(json, kind = 'task.opened'), 'task', 'class') AS class,
    JSONExtractString(anyIf(json, kind = 'task.opened'), 'task', 'owner') AS owner,
    JSONExtractString(anyIf(json, kind = 'task.opened'), 'task', 'agent') AS agent,
    JSONExtractString(anyIf(json, kind = 'task.opened'), 'task', 'principal') AS principal,
    JSONExtractString(anyIf(json, kind = 'task.opened'), 'task', 'workItem') AS work_item,
    JSONExtract(anyIf(json, kind = 'task.opened'), 'task', 'servers', 'Array(String)') AS servers,
    JSONExtract(anyIf(json, kind = 'task.opened'), 'task', 'tools', 'Array(String)') AS tools,
    JSONExtract(anyIf(json, kind = 'task.opened'), 'task', 'budget', 'calls', 'Nullable(UInt64)') AS budget_calls,
    JSONExtract(anyIf(json, kind = 'task.opened'), 'task', 'budget', 'writes', 'Nullable(UInt64)') AS budget_writes,
    fromUnixTimestamp64Milli(JSONExtractInt(anyIf(json, kind = 'task.opened'), 'task', 'expiresMs'), 'UTC') AS expires_at,
    minIfOrNull(at, kind = 'task.closed') AS closed_at,
    anyIf(by, kind = 'task.closed') AS closed_by,
    JSONExtractString(anyIf(json, kind = 'task.closed'), 'reason') AS close_reason,
    least(ifNull(minIfOrNull(at, kind = 'task.closed'), expires_at), expires_at) AS ended_at
FROM control_events FINAL
WHERE kind IN ('task.opened', 'task.closed')
GROUP BY journal, subject;

-- Each approval with who decided. `status` leaves the clock out: one that is pending behind expires_at has expired, which denies it.
CREATE VIEW IF NOT EXISTS approvals_current AS
SELECT
    journal,
    subject AS approval_id,
    minIf(at, kind = 'approval.requested') AS requested_at,
    JSONExtractString(anyIf(json, kind = 'approval.requested'), 'approval', 'agent') AS agent,
    JSONExtractString(anyIf(json, kind = 'approval.requested'), 'approval', 'principal') AS principal,
    JSONExtractString(anyIf(json, kind = 'approval.requested'), 'approval', 'taskId') AS task_id,
    JSONExtractString(anyIf(json, kind = 'approval.requested'), 'approval', 'server') AS server,
    JSONExtractString(anyIf(json, kind = 'approval.requested'), 'approval', 'serverVersion') AS server_version,
    JSONExtractString(anyIf(json, kind = 'approval.requested'), 'approval', 'tool') AS tool,
    JSONExtractString(anyIf(json, kind = 'approval.requested'), 'approval', 'effect') AS effect,
    JSONExtractString(anyIf(json, kind = 'approval.requested'), 'approval', 'riskTier') AS risk_tier,
    JSONExtractString(anyIf(json, kind = 'approval.requested'), 'approval', 'requestDigest') AS request_digest,
    JSONExtractString(anyIf(json, kind = 'approval.requested'), 'approval', 'policyVersion') AS policy_version,
    JSONExtract(anyIf(json, kind = 'approval.requested'), 'approval', 'policyIds', 'Array(String)') AS policy_ids,
    JSONExtractString(anyIf(json, kind = 'approval.requested'), 'approval', 'message') AS message,
    JSONExtractUInt(anyIf(json, kind = 'approval.requested'), 'approval', 'needed') AS needed,
    fromUnixTimestamp64Milli(JSONExtractInt(anyIf(json, kind = 'approval.requested'), 'approval', 'expiresMs'), 'UTC') AS expires_at,
    arrayMap(a -> a.2, arraySort(groupArrayIf((seq, by), kind = 'approval.decided' AND JSONExtractString(json, 'verdict') = 'approve'))) AS approved_by,
    anyIf(by, kind = 'approval.decided' AND JSONExtractString(json, 'verdict') = 'deny') AS denied_by,
    maxIfOrNull(at, kind = 'approval.decided') AS decided_at,
    minIfOrNull(at, kind = 'approval.used') AS used_at,
    multiIf(used_at IS NOT NULL, 'used', denied_by != '', 'denied', length(approved_by) >= needed, 'approved', 'pending') AS status
FROM control_events FINAL
WHERE kind IN ('approval.requested', 'approval.decided', 'approval.used')
GROUP BY journal, subject;

-- Each exception with how it ended. In force at a time t: granted_at <= t AND t < ended_at.
CREATE VIEW IF NOT EXISTS exceptions_current AS
SELECT
    journal,
    subject AS exception_id,
    minIf(at, kind = 'exception.granted') AS granted_at,
    anyIf(by, kind = 'exception.granted') AS granted_by,
    JSONExtractString(anyIf(json, kind = 'exception.granted'), 'exception', 'approvedBy') AS approved_by,
    JSONExtractString(anyIf(json, kind = 'exception.granted'), 'exception', 'scope', 'agent') AS agent,
    JSONExtractString(anyIf(json, kind = 'exception.granted'), 'exception', 'scope', 'server') AS server,
    JSONExtractString(anyIf(json, kind = 'exception.granted'), 'exception', 'scope', 'tool') AS tool,
    JSONExtractString(anyIf(json, kind = 'exception.granted'), 'exception', 'scope', 'taskId') AS task_id,
    JSONExtractString(anyIf(json, kind = 'exception.granted'), 'exception', 'reason') AS reason,
    JSONExtract(anyIf(json, kind = 'exception.granted'), 'exception', 'breakGlass', 'Bool') AS break_glass,
    fromUnixTimestamp64Milli(JSONExtractInt(anyIf(json, kind = 'exception.granted'), 'exception', 'expiresMs'), 'UTC') AS expires_at,
    minIfOrNull(at, kind = 'exception.revoked') AS revoked_at,
    anyIf(by, kind = 'exception.revoked') AS revoked_by,
    JSONExtractString(anyIf(json, kind = 'exception.revoked'), 'reason') AS revoke_reason,
    least(ifNull(minIfOrNull(at, kind = 'exception.revoked'), expires_at), expires_at) AS ended_at
FROM control_events FINAL
WHERE kind IN ('exception.granted', 'exception.revoked')
GROUP BY journal, subject;

-- Each quarantined result with what a person made of it; verdict is empty until then.
CREATE VIEW IF NOT EXISTS quarantine_current AS
SELECT
    journal,
    subject AS quarantine_id,
    minIf(at, kind = 'quarantine.held') AS held_at,
    JSONExtractString(anyIf(json, kind = 'quarantine.held'), 'item', 'agent') AS agent,
    JSONExtractString(anyIf(json, kind = 'quarantine.held'), 'item', 'principal') AS principal,
    JSONExtractString(anyIf(json, kind = 'quarantine.held'), 'item', 'taskId') AS task_id,
    JSONExtractString(anyIf(json, kind = 'quarantine.held'), 'item', 'server') AS server,
    JSONExtractString(anyIf(json, kind = 'quarantine.held'), 'item', 'tool') AS tool,
    JSONExtractString(anyIf(json, kind = 'quarantine.held'), 'item', 'requestDigest') AS request_digest,
    JSONExtract(anyIf(json, kind = 'quarantine.held'), 'item', 'findings', 'Array(String)') AS findings,
    JSONExtractUInt(anyIf(json, kind = 'quarantine.held'), 'item', 'bytes') AS bytes,
    JSONExtractString(anyIf(json, kind = 'quarantine.held'), 'item', 'resultDigest') AS result_digest,
    fromUnixTimestamp64Milli(JSONExtractInt(anyIf(json, kind = 'quarantine.held'), 'item', 'expiresMs'), 'UTC') AS expires_at,
    JSONExtractString(argMaxIf(json, seq, kind = 'quarantine.settled'), 'verdict') AS verdict,
    argMaxIf(by, seq, kind = 'quarantine.settled') AS settled_by,
    maxIfOrNull(at, kind = 'quarantine.settled') AS settled_at,
    JSONExtractString(argMaxIf(json, seq, kind = 'quarantine.settled'), 'comment') AS comment
FROM control_events FINAL
WHERE kind IN ('quarantine.held', 'quarantine.settled')
GROUP BY journal, subject;
