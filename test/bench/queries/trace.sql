-- question: Every call of a trace, in order.
-- Parameters: table, id. Scans: the trace's granules in every partition, by the skip index.
SELECT call_id, ts, span_id, parent_span_id, agent, principal, server, tool, method, effect, risk_tier, task_id, decision, basis, policy_ids, reason, outcome, error_type, duration_us, proxy_us, upstream_us, result_bytes
FROM {table:Identifier}
WHERE trace_id = {id:String}
ORDER BY ts, call_id
LIMIT 1000
