-- question: Which rows of `calls` are not what their spans say, or are on one side only?
-- parameters: producer, first_seq, last_seq, since (received at or after), complete_from (a record from before
--   that time may be on one side only: retention may have removed the other), limit (records returned)
-- columns: seq, only_in ('calls' or 'spans', '' when both have it and differ)
-- scans: calls and calls_from_spans of one producer from `since` on, every column; one hash a row is kept
WITH sides AS (
    SELECT 'calls' AS side, seq, ts, sipHash128(
        ts, trace_id, span_id, parent_span_id, agent, principal, delegation, credential_id, client_name, client_version,
        client_address, protocol_version, transport, method, rpc_id, tool, prompt, resource_uri, session_id, task_id,
        task_class, server, server_version, registry_revision, owner, risk_tier, data_domains, environment, effect,
        toUInt8(trusted), decision, basis, policy_ids, policy_version, reason, mode, would_be, outcome, error_type, rpc_code,
        http_status, upstream_status, request_bytes, result_bytes, result_digest, arg_paths, arg_digests, arg_flow_from,
        arg_flow_scores, handling, handling_findings, approval_id, exception_id, duration_us, proxy_us,
        ifNull(toString(upstream_us), 'null'), attempts
    ) AS digest
    FROM calls
    WHERE ts >= {since:DateTime64(6, 'UTC')} AND producer = {producer:String} AND seq BETWEEN {first_seq:UInt64} AND {last_seq:UInt64}
    UNION ALL
    SELECT 'spans' AS side, seq, ts, sipHash128(
        ts, trace_id, span_id, parent_span_id, agent, principal, delegation, credential_id, client_name, client_version,
        client_address, protocol_version, transport, method, rpc_id, tool, prompt, resource_uri, session_id, task_id,
        task_class, server, server_version, registry_revision, owner, risk_tier, data_domains, environment, effect,
        toUInt8(trusted), decision, basis, policy_ids, policy_version, reason, mode, would_be, outcome, error_type, rpc_code,
        http_status, upstream_status, request_bytes, result_bytes, result_digest, arg_paths, arg_digests, arg_flow_from,
        arg_flow_scores, handling, handling_findings, approval_id, exception_id, duration_us, proxy_us,
        ifNull(toString(upstream_us), 'null'), attempts
    ) AS digest
    FROM calls_from_spans
    WHERE ts >= {since:DateTime64(6, 'UTC')} AND producer = {producer:String} AND seq BETWEEN {first_seq:UInt64} AND {last_seq:UInt64}
),
unequal AS (
    SELECT seq, max(ts) AS received, countIf(side = 'calls') AS in_calls, countIf(side = 'spans') AS in_spans
    FROM sides
    GROUP BY seq, digest
    HAVING in_calls != in_spans
)
SELECT
    toString(unequal.seq) AS seq,
    multiIf(sum(in_spans) = 0, 'calls', sum(in_calls) = 0, 'spans', '') AS only_in
FROM unequal
GROUP BY unequal.seq
HAVING only_in = '' OR max(received) >= {complete_from:DateTime64(6, 'UTC')}
ORDER BY unequal.seq
LIMIT {limit:UInt32}
