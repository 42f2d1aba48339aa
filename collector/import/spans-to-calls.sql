-- question: Which calls do the MCP spans of others in this time tell of, and which spans tell of none, and why?
-- parameters: database, table (of the shape that the collector's exporter writes); from, to (at most a day, UTC)
-- columns: skipped ('' where the span becomes a call, else why not), and those of `calls` that a span can fill. `producer` is
--   import:<service> and `seq` a digest of the span's ids: the same span has the same call id whenever it is imported.
-- scans: the table from an hour before to an hour after, once for the spans and three times, few columns, for their
--   relatives; `calls` of the time for what was imported before
--
-- Names of attributes: OpenTelemetry's conventions for MCP first, then older names of theirs (rpc.*), then what gateways
-- write: ToolHive's legacy names (mcp.method, mcp.tool.name, mcp.request.id, mcp.resource.id, mcp.transport), agentgateway
-- (mcp.target, mcp.resource.type and .name, jwt.sub, src.addr, http.status), MCP Hangar (mcp.server.id, mcp.agent.id,
-- mcp.user.id, mcp.tool.status, mcp.enforcement.*), ContextForge (spans named tool.invoke with tool.name).
WITH
    '^(initialize|ping|server/discover|completion/complete|logging/setLevel|sampling/createMessage|elicitation/create|(tools|resources|prompts|roots|tasks|subscriptions|notifications)/[A-Za-z/_]+)$' AS mcp_method,
    {from:DateTime64(9, 'UTC')} AS window_start,
    {to:DateTime64(9, 'UTC')} AS window_end,
    spans AS
    (
        SELECT
            Timestamp, TraceId, SpanId, ParentSpanId, ServiceName, ResourceAttributes, SpanAttributes AS a, StatusCode, Duration,
            -- Older versions of the exporter write SPAN_KIND_SERVER.
            lower(replaceOne(SpanKind, 'SPAN_KIND_', '')) AS kind,
            a['signalbox.audit.producer'] != '' AS own,
            SpanName = 'tool.invoke' AND a['tool.name'] != '' AS invoked,
            arrayFirst(v -> v != '', [
                a['gen_ai.tool.name'], a['mcp.tool.name'], if(invoked, a['tool.name'], ''),
                if(lower(a['mcp.resource.type']) = 'tool', a['mcp.resource.name'], ''),
                if(a['mcp.method'] = 'tools/call', a['mcp.resource.id'], ''),
                if(startsWith(SpanName, 'tools/call '), substring(SpanName, 12), '')
            ]) AS tool,
            arrayFirst(v -> v != '', [
                a['mcp.method.name'], a['mcp.method'], if(match(a['rpc.method'], mcp_method), a['rpc.method'], ''),
                if(invoked OR a['mcp.tool.name'] != '' OR (tool != '' AND a['gen_ai.tool.type'] = 'mcp'), 'tools/call', '')
            ]) AS method
        FROM {database:Identifier}.{table:Identifier}
        WHERE Timestamp >= window_start - INTERVAL 1 HOUR AND Timestamp < window_end + INTERVAL 1 HOUR
    ),
    relatives AS (SELECT TraceId, SpanId, ParentSpanId, kind, method, tool, Duration FROM spans WHERE method != '' AND SpanId != ''),
    -- What is below a span: the half of the same call that somebody else saw, and how long that took.
    below AS
    (
        SELECT TraceId, ParentSpanId, countIf(kind != 'client') AS served, maxIf(Duration, kind = 'client') AS upstream
        FROM relatives
        WHERE ParentSpanId != ''
        GROUP BY TraceId, ParentSpanId
    ),
    related AS
    (
        SELECT
            spans.Timestamp AS Timestamp, spans.TraceId AS TraceId, spans.SpanId AS SpanId, spans.ParentSpanId AS ParentSpanId, spans.ServiceName AS ServiceName, spans.ResourceAttributes AS ResourceAttributes, spans.a AS a,
            spans.StatusCode AS StatusCode, spans.Duration AS Duration, spans.kind AS kind, spans.own AS own, spans.tool AS tool, spans.method AS method,
            below.served AS served,
            below.upstream AS upstream,
            parent.kind AS parent_kind,
            -- A gateway may put a prefix before the tool's name. A server that calls another tool meanwhile makes another call.
            parent.SpanId != '' AND parent.method = spans.method AND endsWith(parent.tool, spans.tool) AS in_parent,
            above.SpanId != '' AND above.method = spans.method AND endsWith(above.tool, spans.tool) AS in_above
        FROM spans
        LEFT ANY JOIN below ON below.TraceId = spans.TraceId AND below.ParentSpanId = spans.SpanId
        LEFT ANY JOIN relatives AS parent ON parent.TraceId = spans.TraceId AND parent.SpanId = spans.ParentSpanId
        LEFT ANY JOIN relatives AS above ON above.TraceId = parent.TraceId AND above.SpanId = parent.ParentSpanId
        WHERE spans.Timestamp >= window_start AND spans.Timestamp < window_end
    ),
    named AS
    (
        SELECT
            *,
            concat('import:', if(ServiceName = '', 'unknown', substringUTF8(ServiceName, 1, 100))) AS producer,
            -- 63 bits, so that the call id has a number that every reader can hold in a signed one.
            bitShiftRight(sipHash64(TraceId, SpanId), 1) + 1 AS seq
        FROM related
    )
SELECT
    multiIf(
        own, 'own_record',
        method = '', 'not_mcp',
        TraceId = '' OR SpanId = '', 'no_id',
        -- The half of it that served the call knows more than the half that sent it.
        kind = 'client' AND served > 0, 'same_call',
        in_parent AND (parent_kind != 'client'), 'same_call',
        in_parent AND in_above, 'same_call',
        (toString(producer), seq) IN (SELECT toString(calls.producer), calls.seq FROM calls WHERE calls.ts >= window_start AND calls.ts < window_end AND calls.basis = 'imported'), 'imported_before',
        row_number() OVER (PARTITION BY own, TraceId, SpanId ORDER BY Timestamp) > 1, 'repeated',
        ''
    ) AS skipped,
    toDateTime64(Timestamp, 6, 'UTC') AS ts,
    producer,
    seq,
    TraceId AS trace_id,
    SpanId AS span_id,
    ParentSpanId AS parent_span_id,
    arrayFirst(v -> v != '', [a['gen_ai.agent.name'], a['mcp.agent.id'], a['gen_ai.agent.id'], a['mcp.client.name'], a['mcp.caller.id'], if(kind = 'client', toString(ServiceName), '')]) AS agent,
    arrayFirst(v -> v != '', [a['mcp.user.id'], a['enduser.id'], a['user.id'], a['jwt.sub'], a['mcp.audit.principal_id']]) AS principal,
    a['mcp.client.name'] AS client_name,
    a['mcp.client.version'] AS client_version,
    arrayFirst(v -> v != '', [a['client.address'], a['src.addr'], a['net.peer.ip']]) AS client_address,
    a['mcp.protocol.version'] AS protocol_version,
    multiIf(a['network.transport'] != '', a['network.transport'], a['mcp.transport'] = 'stdio', 'pipe', a['mcp.transport'] != '', 'tcp', '') AS transport,
    method,
    arrayFirst(v -> v != '', [a['jsonrpc.request.id'], a['mcp.request.id'], a['rpc.jsonrpc.request_id']]) AS rpc_id,
    tool,
    arrayFirst(v -> v != '', [a['gen_ai.prompt.name'], a['mcp.prompt.name'], if(lower(a['mcp.resource.type']) = 'prompt', a['mcp.resource.name'], '')]) AS prompt,
    arrayFirst(v -> v != '', [a['mcp.resource.uri'], if(startsWith(method, 'resources/'), a['mcp.resource.id'], ''), if(lower(a['mcp.resource.type']) = 'resource', a['mcp.resource.name'], '')]) AS resource_uri,
    -- Whoever knows a session's id can use it, so it does not stand here in clear.
    if(a['mcp.session.id'] = '', '', lower(hex(substring(SHA256(a['mcp.session.id']), 1, 16)))) AS session_id,
    arrayFirst(v -> v != '', [a['mcp.server.name'], a['mcp.target'], a['mcp.server.id'], a['tool.gateway_id'], a['server.address'], toString(ServiceName)]) AS server,
    arrayFirst(v -> v != '', [ResourceAttributes['deployment.environment.name'], ResourceAttributes['deployment.environment']]) AS environment,
    multiIf(
        a['mcp.enforcement.policy_result'] IN ('deny', 'quarantine') OR a['mcp.enforcement.action'] IN ('block', 'rate_limit') OR a['mcp.tool.status'] = 'blocked' OR http_status IN (401, 403), 'deny',
        a['mcp.enforcement.policy_result'] = 'allow', 'allow',
        ''
    ) AS decision,
    'imported' AS basis,
    lower(arrayFirst(v -> v != '', [a['error.type'], a['exception.type'], a['error'], a['mcp.tool.status']])) AS problem,
    StatusCode IN ('Error', 'STATUS_CODE_ERROR') AS failed,
    multiIf(
        decision = 'deny', 'denied',
        match(problem, 'timeout|timed out|deadline'), 'timeout',
        match(problem, 'cancel'), 'cancelled',
        problem = 'tool_error' OR lower(a['success']) = 'false' OR (a['mcp.tool.status'] = 'error'), 'tool_error',
        rpc_code NOT IN ('', '0') OR match(error_type, '^-\\d+$'), 'rpc_error',
        http_status >= 400 OR match(error_type, '^[45]\\d\\d$'), 'transport_error',
        failed OR error_type != '', 'rpc_error',
        'ok'
    ) AS outcome,
    arrayFirst(v -> v != '', [a['error.type'], a['exception.type']]) AS error_type,
    arrayFirst(v -> v != '', [a['rpc.response.status_code'], a['rpc.jsonrpc.error_code']]) AS rpc_code,
    toUInt16OrZero(arrayFirst(v -> v != '', [a['http.response.status_code'], a['http.status_code'], a['http.status']])) AS http_status,
    toUInt64OrZero(arrayFirst(v -> v != '', [a['http.request.body.size'], a['http.request_content_length']])) AS request_bytes,
    toUInt64OrZero(arrayFirst(v -> v != '', [a['http.response.body.size'], a['http.response_content_length']])) AS result_bytes,
    -- A span that ends before it starts is stored with a duration of centuries.
    if(Duration > 604800000000000, 0, intDiv(Duration, 1000)) AS duration_us,
    multiIf(kind = 'client', toNullable(duration_us), upstream > 0 AND upstream <= 604800000000000, intDiv(upstream, 1000), NULL) AS upstream_us
FROM named
