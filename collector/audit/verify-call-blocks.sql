-- question: What do the rows of `calls` add up to, stretch by stretch, as verify-blocks.sql adds up the spans?
-- parameters: since, whole, producers, starts, producer, key_low, key_high: as there
-- columns: producer, block, records, contents
-- scans: every column of calls, once. A column of `calls` that is missing here would not be checked; a test looks.
WITH
    (toUInt64({key_low:UInt64}), toUInt64({key_high:UInt64})) AS key,
    sipHash64Keyed(key, '') AS nothing,
    sipHash64Keyed(key, 'names') AS salt,
    name -> intHash64(bitXor(cityHash64(name), salt)) AS weight,
    -- Nothing for what is empty, which the span has no attribute for.
    value -> sipHash64Keyed(key, value) - nothing AS digest,
    toJSONString(arrayZip(arg_paths, arg_digests, arg_flow_from, arg_flow_scores)) AS leaves
SELECT
    toString(producer) AS producer,
    toUInt32(intDiv(seq, 65536)) AS block,
    toUInt32(count()) AS records,
    toString(sum(sipHash64Keyed(key, seq) * (
        -- A function of one dictionary-encoded column is computed once a value and not once a row.
        weight('@trace') * digest(trace_id)
        + weight('@span') * digest(span_id)
        + weight('@parent') * digest(parent_span_id)
        + weight('@start') * digest(toUnixTimestamp64Micro(ts) * 1000)
        + weight('@duration') * digest(duration_us)
        + weight('@upstream') * digest(ifNull(toInt64(upstream_us), -1))
        + weight('signalbox.agent') * digest(agent)
        + weight('signalbox.approval.id') * digest(approval_id)
        + notEmpty(arg_paths) * weight('signalbox.arguments') * digest(leaves)
        + (attempts != 1) * weight('signalbox.decision.attempts') * digest(toString(attempts))
        + weight('signalbox.decision.basis') * digest(basis)
        + weight('client.address') * digest(client_address)
        + weight('signalbox.client.name') * digest(client_name)
        + weight('signalbox.client.version') * digest(client_version)
        + weight('signalbox.credential.id') * digest(credential_id)
        + notEmpty(data_domains) * weight('signalbox.server.data_domains') * digest(toJSONString(data_domains))
        + weight('signalbox.decision') * digest(decision)
        + notEmpty(delegation) * weight('signalbox.delegation') * digest(toJSONString(delegation))
        + weight('signalbox.tool.effect') * digest(effect)
        + weight('signalbox.server.environment') * digest(environment)
        + weight('error.type') * digest(error_type)
        + weight('signalbox.exception.id') * digest(exception_id)
        + weight('signalbox.handling') * digest(handling)
        + notEmpty(handling_findings) * weight('signalbox.handling.findings') * digest(toJSONString(handling_findings))
        + weight('signalbox.http.status') * digest(toString(http_status))
        + weight('mcp.method.name') * digest(method)
        + (method = 'tools/call') * weight('gen_ai.operation.name') * digest('execute_tool')
        + weight('signalbox.decision.mode') * digest(mode)
        + weight('signalbox.outcome') * digest(outcome)
        + weight('signalbox.server.owner') * digest(owner)
        + notEmpty(policy_ids) * weight('signalbox.decision.policies') * digest(toJSONString(policy_ids))
        + weight('signalbox.decision.version') * digest(policy_version)
        + weight('signalbox.principal') * digest(principal)
        + weight('signalbox.audit.producer') * digest(producer)
        + weight('gen_ai.prompt.name') * digest(prompt)
        + weight('mcp.protocol.version') * digest(protocol_version)
        + weight('signalbox.time.proxy_us') * digest(toString(proxy_us))
        + weight('signalbox.decision.reason') * digest(reason)
        + weight('signalbox.server.registry_revision') * digest(registry_revision)
        + weight('signalbox.request.bytes') * digest(toString(request_bytes))
        + weight('mcp.resource.uri') * digest(resource_uri)
        + weight('signalbox.result.bytes') * digest(toString(result_bytes))
        + weight('signalbox.result.digest') * digest(result_digest)
        + weight('signalbox.server.risk_tier') * digest(risk_tier)
        + weight('rpc.response.status_code') * digest(rpc_code)
        + weight('jsonrpc.request.id') * digest(rpc_id)
        + weight('signalbox.audit.seq') * digest(toString(seq))
        + weight('signalbox.server') * digest(server)
        + weight('signalbox.server.version') * digest(server_version)
        + weight('mcp.session.id') * digest(session_id)
        + weight('signalbox.task.class') * digest(task_class)
        + weight('signalbox.task.id') * digest(task_id)
        + weight('gen_ai.tool.name') * digest(tool)
        + weight('network.transport') * digest(transport)
        + weight('signalbox.tool.trusted') * digest(toString(toUInt8(trusted)))
        + weight('signalbox.upstream.status') * digest(toString(upstream_status))
        + weight('signalbox.decision.would_be') * digest(would_be)
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
