-- question: Which calls did no rule cover, and which would observed servers' rules have refused?
-- params: from, to (UTC); max_rows
-- out: one row for each agent, task class, server, method, tool, prompt and resource; kind: `uncovered` (denied by default,
--   or would be), `refused` (an observed server's call that a rule would deny), `failed` (that a rule could not judge);
--   calls, tasks, first and last seen; rules: those that would refuse
-- scans: calls from `from` to `to`, 18 columns
SELECT
    multiIf(reason = 'no_rule', 'uncovered', reason = 'rule_error', 'failed', 'refused') AS kind,
    agent,
    task_class,
    server,
    method,
    tool,
    prompt,
    resource_uri,
    argMax(effect, ts) AS effect,
    mode,
    arraySort(groupUniqArrayArray(16)(policy_ids)) AS rules,
    toUInt32(uniq(task_id)) AS tasks,
    sum(attempts) AS calls,
    min(ts) AS first,
    max(ts) AS last
FROM calls
WHERE ts >= {from:DateTime64(6, 'UTC')} AND ts < {to:DateTime64(6, 'UTC')}
    AND ((basis = 'default' AND reason = 'no_rule') OR (mode = 'observe' AND would_be = 'deny' AND reason IN ('rule', 'rule_error')))
GROUP BY kind, agent, task_class, server, method, tool, prompt, resource_uri, mode
ORDER BY calls DESC, server, agent, tool
LIMIT {max_rows:UInt32}
