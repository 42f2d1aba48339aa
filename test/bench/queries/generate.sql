-- question: Calls number first to first + count of a register of `total` calls over `days` days, as traffic makes them.
-- Parameters: first, count, total, start_us, days. Some 256 tasks are open at once, of some 40 calls each, in traces of
--   eight. Agents, the servers of an agent and the tools of a server are chosen with a skew: few make most of the calls.
INSERT INTO calls (
    ts, producer, seq, trace_id, span_id, parent_span_id, agent, principal, delegation, credential_id, client_name, client_version, client_address,
    protocol_version, transport, method, rpc_id, tool, task_id, task_class, server, server_version, registry_revision, owner, risk_tier,
    data_domains, environment, effect, trusted, decision, basis, policy_ids, policy_version, reason, mode, outcome, error_type, http_status,
    upstream_status, request_bytes, result_bytes, result_digest, arg_paths, arg_digests, arg_flow_from, arg_flow_scores, handling, exception_id,
    duration_us, proxy_us, upstream_us, attempts
)
WITH
    {first:UInt64} + number AS n,
    (salt -> cityHash64(n, salt) / 18446744073709551616.) AS u,
    cityHash64(n, 'slot') % 256 AS slot,
    cityHash64(slot, intDiv(n + slot * 40, 10240)) AS task,
    floor(200 * pow(cityHash64(task, 'agent') / 18446744073709551616., 2.5)) AS agent_no,
    (toUInt64(agent_no) * 7 + toUInt64(floor(5 * pow(u('server'), 2)))) % 24 AS server_no,
    toUInt64(floor(8 * pow(u('tool'), 2))) AS tool_no,
    u('method') < 0.93 AS is_tool,
    u('decision') AS chance,
    multiIf(chance < 0.03 + 0.1 * (agent_no % 17 = 3), 'deny', chance > 0.993, 'hold', 'allow') AS decided,
    decided = 'allow' AND u('failed') < 0.015 AS failed,
    exp(8.5 + (cityHash64(server_no, tool_no) % 30) / 10 + 0.7 * sqrt(-2 * log(u('normal') + 1e-12)) * cos(6.283185307 * u('angle'))) AS upstream_time,
    toUInt64(220 + 60 * pow(u('proxy') + 0.05, -0.5)) AS own_time
SELECT
    fromUnixTimestamp64Micro(toInt64({start_us:Int64} + (n + u('jitter')) * {days:Float64} * 86400e6 / {total:UInt64}), 'UTC'),
    concat('proxy-', toString(n % 4)), intDiv(n, 4) + 1,
    lower(hex(sipHash128(task, intDiv(n, 2048)))), lower(hex(cityHash64(n, 'span'))), if(n % 8 < 6, lower(hex(cityHash64(task, 'parent', intDiv(n, 2048)))), ''),
    concat('agent-', toString(agent_no)), concat('user:', toString(agent_no % 60), '@example.com'), [concat('user:', toString(agent_no % 60), '@example.com')],
    concat('key-', toString(agent_no)), 'agent-sdk', '2.1.0', concat('10.0.0.', toString(agent_no % 250)),
    '2026-07-28', 'tcp', if(is_tool, 'tools/call', if(u('list') < 0.7, 'tools/list', 'resources/read')), toString(n % 100000),
    if(is_tool, concat(['read', 'search', 'list', 'write', 'update', 'send', 'create', 'delete'][tool_no + 1], '_', toString(server_no)), ''),
    concat('task-', lower(hex(task))), ['support', 'coding', 'research', 'finance', 'operations', 'triage'][toUInt64(agent_no) % 6 + 1],
    concat('server-', toString(server_no)), '1.4.2', concat('r-', toString(intDiv(n * 20, {total:UInt64}))), concat('team-', toString(server_no % 9)), ['low', 'medium', 'high'][server_no % 3 + 1],
    ['customer'], if(server_no % 5 = 0, 'staging', 'production'), if(is_tool, ['read', 'write', 'destructive'][if(tool_no < 3, 1, if(tool_no < 7, 2, 3))], ''), server_no % 2 = 0,
    decided, multiIf(u('basis') < 0.01, 'exception', u('basis') < 0.04, 'default', 'explicit'), [concat('rule-', toString(cityHash64(server_no, agent_no % 10) % 40))],
    concat('p-', toString(intDiv(n * 40, {total:UInt64}))), 'rule', 'enforce',
    multiIf(decided = 'deny', 'denied', decided = 'hold', 'held', failed, ['tool_error', 'rpc_error', 'timeout'][n % 3 + 1], 'ok'), multiIf(decided = 'deny', 'denied', failed, 'tool_error', ''), 200,
    if(decided = 'allow', 200, 0), toUInt64(200 + 500 * u('request')), toUInt64(100 + 3000 * pow(u('result'), 3)), lower(hex(sipHash128(n, 'result'))),
    ['/id', '/fields/*'], [lower(hex(sipHash128(n, 'a'))), lower(hex(sipHash128(n, 'b')))], [toUInt64(0), if(u('flow') < 0.1, intDiv(n, 4), 0)], [toFloat32(0), toFloat32(0)], 'pass', if(u('basis') < 0.01, concat('exc-', toString(agent_no % 12)), ''),
    if(decided = 'allow' AND is_tool, toUInt64(upstream_time), 0) + own_time, own_time, if(decided = 'allow' AND is_tool, toUInt64(upstream_time), NULL),
    if(decided = 'deny' AND u('storm') < 0.02, 2 + toUInt32(20 * u('attempts')), 1)
FROM numbers({count:UInt64})
SETTINGS min_insert_block_size_rows = 1200000, min_insert_block_size_bytes = 0, max_insert_block_size = 1200000, materialize_skip_indexes_on_insert = 1
