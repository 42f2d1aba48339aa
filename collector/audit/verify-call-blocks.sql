-- question: What do the rows of `calls` add up to, stretch by stretch, as verify-blocks.sql adds up the spans?
-- parameters: since, whole, producers, starts, producer, key_low, key_high: as there
-- columns: producer, block, records, contents
-- scans: every column of calls, once. A column of `calls` that is missing here would not be checked; a test looks.
WITH
    (toUInt64({key_low:UInt64}), toUInt64({key_high:UInt64})) AS key,
    toJSONString(arrayZip(arg_paths, arg_digests, arg_flow_from, arg_flow_scores)) AS leaves
SELECT
    toString(producer) AS producer,
    toUInt32(intDiv(seq, 65536)) AS block,
    toUInt32(count()) AS records,
    toString(sum(sipHash64Keyed(
        key, seq, toUnixTimestamp64Micro(ts) * 1000, trace_id, span_id, parent_span_id, duration_us, ifNull(toInt64(upstream_us), -1),
        -- A function of one dictionary-encoded column is computed once a value and not once a row.
        (agent != '') * sipHash64Keyed(key, concat('signalbox.agent=', agent))
        + (approval_id != '') * sipHash64Keyed(key, concat('signalbox.approval.id=', approval_id))
        + notEmpty(arg_paths) * sipHash64Keyed(key, concat('signalbox.arguments=', leaves))
        + (attempts > 1) * sipHash64Keyed(key, concat('signalbox.decision.attempts=', toString(attempts)))
        + (basis != '') * sipHash64Keyed(key, concat('signalbox.decision.basis=', basis))
        + (client_address != '') * sipHash64Keyed(key, concat('client.address=', client_address))
        + (client_name != '') * sipHash64Keyed(key, concat('signalbox.client.name=', client_name))
        + (client_version != '') * sipHash64Keyed(key, concat('signalbox.client.version=', client_version))
        + (credential_id != '') * sipHash64Keyed(key, concat('signalbox.credential.id=', credential_id))
        + notEmpty(data_domains) * sipHash64Keyed(key, concat('signalbox.server.data_domains=', toJSONString(data_domains)))
        + (decision != '') * sipHash64Keyed(key, concat('signalbox.decision=', decision))
        + notEmpty(delegation) * sipHash64Keyed(key, concat('signalbox.delegation=', toJSONString(delegation)))
        + (effect != '') * sipHash64Keyed(key, concat('signalbox.tool.effect=', effect))
        + (environment != '') * sipHash64Keyed(key, concat('signalbox.server.environment=', environment))
        + (error_type != '') * sipHash64Keyed(key, concat('error.type=', error_type))
        + (exception_id != '') * sipHash64Keyed(key, concat('signalbox.exception.id=', exception_id))
        + (handling != '') * sipHash64Keyed(key, concat('signalbox.handling=', handling))
        + notEmpty(handling_findings) * sipHash64Keyed(key, concat('signalbox.handling.findings=', toJSONString(handling_findings)))
        + sipHash64Keyed(key, concat('signalbox.http.status=', toString(http_status)))
        + (method != '') * sipHash64Keyed(key, concat('mcp.method.name=', method))
        + (method = 'tools/call') * sipHash64Keyed(key, 'gen_ai.operation.name=execute_tool')
        + (mode != '') * sipHash64Keyed(key, concat('signalbox.decision.mode=', mode))
        + (outcome != '') * sipHash64Keyed(key, concat('signalbox.outcome=', outcome))
        + (owner != '') * sipHash64Keyed(key, concat('signalbox.server.owner=', owner))
        + notEmpty(policy_ids) * sipHash64Keyed(key, concat('signalbox.decision.policies=', toJSONString(policy_ids)))
        + (policy_version != '') * sipHash64Keyed(key, concat('signalbox.decision.version=', policy_version))
        + (principal != '') * sipHash64Keyed(key, concat('signalbox.principal=', principal))
        + sipHash64Keyed(key, concat('signalbox.audit.producer=', producer))
        + (prompt != '') * sipHash64Keyed(key, concat('gen_ai.prompt.name=', prompt))
        + (protocol_version != '') * sipHash64Keyed(key, concat('mcp.protocol.version=', protocol_version))
        + sipHash64Keyed(key, concat('signalbox.time.proxy_us=', toString(proxy_us)))
        + (reason != '') * sipHash64Keyed(key, concat('signalbox.decision.reason=', reason))
        + (registry_revision != '') * sipHash64Keyed(key, concat('signalbox.server.registry_revision=', registry_revision))
        + sipHash64Keyed(key, concat('signalbox.request.bytes=', toString(request_bytes)))
        + (resource_uri != '') * sipHash64Keyed(key, concat('mcp.resource.uri=', resource_uri))
        + sipHash64Keyed(key, concat('signalbox.result.bytes=', toString(result_bytes)))
        + (result_digest != '') * sipHash64Keyed(key, concat('signalbox.result.digest=', result_digest))
        + (risk_tier != '') * sipHash64Keyed(key, concat('signalbox.server.risk_tier=', risk_tier))
        + (rpc_code != '') * sipHash64Keyed(key, concat('rpc.response.status_code=', rpc_code))
        + (rpc_id != '') * sipHash64Keyed(key, concat('jsonrpc.request.id=', rpc_id))
        + sipHash64Keyed(key, concat('signalbox.audit.seq=', toString(seq)))
        + (server != '') * sipHash64Keyed(key, concat('signalbox.server=', server))
        + (server_version != '') * sipHash64Keyed(key, concat('signalbox.server.version=', server_version))
        + (session_id != '') * sipHash64Keyed(key, concat('mcp.session.id=', session_id))
        + (task_class != '') * sipHash64Keyed(key, concat('signalbox.task.class=', task_class))
        + (task_id != '') * sipHash64Keyed(key, concat('signalbox.task.id=', task_id))
        + (tool != '') * sipHash64Keyed(key, concat('gen_ai.tool.name=', tool))
        + (transport != '') * sipHash64Keyed(key, concat('network.transport=', transport))
        + sipHash64Keyed(key, concat('signalbox.tool.trusted=', toString(toUInt8(trusted))))
        + sipHash64Keyed(key, concat('signalbox.upstream.status=', toString(upstream_status)))
        + (would_be != '') * sipHash64Keyed(key, concat('signalbox.decision.would_be=', would_be))
    ))) AS contents
FROM calls
WHERE ts >= {since:DateTime64(6, 'UTC')}
    AND ({producer:String} = '' OR calls.producer = {producer:String})
    -- No proxy recorded these (`signalbox import`), so there is no chain to hold them against.
    AND NOT (basis = 'imported' AND startsWith(calls.producer, 'import:'))
    AND ({whole:UInt8} OR (has({producers:Array(String)}, calls.producer) AND seq >= {starts:Array(UInt64)}[indexOf({producers:Array(String)}, calls.producer)]))
GROUP BY producer, block
ORDER BY producer, block
SETTINGS output_format_json_escape_forward_slashes = 0, output_format_json_quote_64bit_integers = 0
