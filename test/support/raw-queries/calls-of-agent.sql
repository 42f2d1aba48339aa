-- question: What dashboards/queries/calls.sql asks for one agent, of a table without rollups or indexes.
-- Parameters: table, agent, from_ms, to_ms, limit.
SELECT
    call_id,
    toUnixTimestamp64Micro(ts) AS ts_us,
    agent, principal, server, tool, method, effect, risk_tier, task_id, task_class, decision, basis, policy_ids, reason,
    mode, would_be, attempts, outcome, error_type, duration_us, proxy_us, upstream_us, result_bytes, handling
FROM {table:Identifier}
WHERE ts >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC') AND agent = {agent:String}
ORDER BY ts DESC, call_id DESC
LIMIT 1 BY producer, seq
LIMIT {limit:UInt32}
