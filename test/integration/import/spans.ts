import type { Store } from "../../../collector/store/client.ts";

export interface Span {
  readonly at: string;
  readonly trace?: string;
  readonly id: string;
  readonly parent?: string;
  readonly name: string;
  readonly kind?: "Server" | "Client" | "Internal" | "SPAN_KIND_SERVER";
  readonly service: string;
  readonly status?: "Unset" | "Ok" | "Error" | "STATUS_CODE_ERROR";
  readonly ms?: number;
  readonly resource?: Readonly<Record<string, string>>;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Rows as the collector's exporter writes them. */
export async function insertSpans(store: Store, spans: readonly Span[], table = "otel_traces"): Promise<void> {
  const rows = spans.map((span) => ({
    Timestamp: span.at,
    TraceId: span.trace ?? `trace-of-${span.id}`,
    SpanId: span.id,
    ParentSpanId: span.parent ?? "",
    SpanName: span.name,
    SpanKind: span.kind ?? "Server",
    ServiceName: span.service,
    ResourceAttributes: { "service.name": span.service, ...span.resource },
    SpanAttributes: span.attributes,
    Duration: String((span.ms ?? 5) * 1_000_000),
    StatusCode: span.status ?? "Unset",
  }));
  await store.insert(table, rows);
}

const day = "2026-03-02T";

/** As each gateway's own documentation, or its source, says that it writes them. */
export const gateways = {
  // stacklok/toolhive docs/observability.md
  toolhive: {
    at: `${day}10:00:00Z`, id: "th1", name: "tools/call fetch", service: "toolhive-mcp-proxy", status: "Ok", ms: 40, resource: { "deployment.environment.name": "staging" },
    attributes: {
      "mcp.method.name": "tools/call", "rpc.system.name": "jsonrpc", "jsonrpc.request.id": "7", "mcp.server.name": "fetch", "gen_ai.tool.name": "fetch", "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.call.arguments": "{\"url\":\"https://secret.example.com\"}", "network.transport": "tcp", "mcp.session.id": "session-in-clear", "mcp.protocol.version": "2025-11-25",
      "client.address": "10.1.2.3", "http.response.status_code": "200", "http.request.body.size": "256", "http.response.body.size": "1024",
    },
  },
  // The same gateway before its move to the conventions (docs/telemetry-migration-guide.md).
  toolhiveLegacy: {
    at: `${day}10:00:01Z`, id: "th0", name: "mcp.tools/call", kind: "SPAN_KIND_SERVER", service: "toolhive-mcp-proxy", status: "STATUS_CODE_ERROR",
    attributes: { "mcp.method": "tools/call", "rpc.system": "jsonrpc", "rpc.service": "mcp", "mcp.request.id": "3", "mcp.resource.id": "search", "mcp.transport": "stdio", "mcp.server.name": "web", "http.status_code": "502", "http.request_content_length": "99" },
  },
  // agentgateway crates/agentgateway/src/telemetry/log.rs
  agentgateway: {
    at: `${day}10:00:02Z`, id: "ag1", name: "POST /mcp", service: "agentgateway", ms: 12,
    attributes: { "mcp.method": "tools/call", "mcp.target": "github", "mcp.resource.type": "tool", "mcp.resource.name": "create_issue", "mcp.session.id": "abc", "jwt.sub": "ana", "src.addr": "10.9.8.7:55012", "http.status": "200", duration: "12ms" },
  },
  agentgatewayRefused: {
    at: `${day}10:00:03Z`, id: "ag2", name: "POST /mcp", service: "agentgateway",
    attributes: { "mcp.method": "resources/read", "mcp.target": "files", "mcp.resource.type": "resource", "mcp.resource.name": "file:///etc/passwd", "http.status": "403" },
  },
  // mcp-hangar docs/observability/otel-integrations.md
  hangar: {
    at: `${day}10:00:04Z`, id: "mh1", name: "tool.invoke.add", kind: "Internal", service: "mcp-hangar", ms: 3,
    attributes: { "mcp.server.id": "math", "mcp.tool.name": "add", "mcp.tool.status": "success", "mcp.agent.id": "planner", "mcp.user.id": "alice", "mcp.session.id": "sess-42", "mcp.enforcement.policy_result": "allow" },
  },
  hangarBlocked: {
    at: `${day}10:00:05Z`, id: "mh2", name: "tool.invoke.rm", kind: "Internal", service: "mcp-hangar", status: "Error",
    attributes: { "mcp.server.id": "shell", "mcp.tool.name": "rm", "mcp.tool.status": "blocked", "mcp.agent.id": "planner", "mcp.enforcement.policy_result": "deny", "mcp.enforcement.policy_name": "no-shell" },
  },
  // IBM/mcp-context-forge mcpgateway/services/tool_service.py
  contextforge: {
    at: `${day}10:00:06Z`, id: "cf1", name: "tool.invoke", kind: "Internal", service: "mcp-gateway", ms: 20,
    attributes: { "tool.name": "jira-search", "tool.id": "17", "tool.integration_type": "MCP", "tool.gateway_id": "gw-3", arguments_count: "2", success: "False" },
  },
  // The conventions before jsonrpc.request.id and rpc.response.status_code.
  olderConventions: {
    at: `${day}10:00:07Z`, id: "oc1", name: "tools/call lookup", kind: "Client", service: "support-agent", status: "Error", ms: 8,
    attributes: { "rpc.system": "jsonrpc", "rpc.method": "tools/call", "rpc.jsonrpc.request_id": "9", "rpc.jsonrpc.error_code": "-32603", "server.address": "crm.example.com" },
  },
} as const satisfies Record<string, Span>;

/** One call that four programs saw: an agent, a gateway (twice), the server. And another that the server made meanwhile. */
export const fourSides: readonly Span[] = [
  { at: `${day}11:00:00.000Z`, trace: "t4", id: "s1", name: "tools/call github_create_issue", kind: "Client", service: "agent", ms: 50, attributes: { "mcp.method.name": "tools/call", "gen_ai.tool.name": "github_create_issue" } },
  { at: `${day}11:00:00.001Z`, trace: "t4", id: "s2", parent: "s1", name: "tools/call github_create_issue", service: "envoy-ai-gateway", ms: 48, attributes: { "mcp.method.name": "tools/call", "gen_ai.tool.name": "github_create_issue", "mcp.server.name": "github" } },
  { at: `${day}11:00:00.002Z`, trace: "t4", id: "s3", parent: "s2", name: "tools/call create_issue", kind: "Client", service: "envoy-ai-gateway", ms: 45, attributes: { "mcp.method.name": "tools/call", "gen_ai.tool.name": "create_issue" } },
  { at: `${day}11:00:00.003Z`, trace: "t4", id: "s4", parent: "s3", name: "tools/call create_issue", service: "github-mcp", ms: 44, attributes: { "mcp.method.name": "tools/call", "gen_ai.tool.name": "create_issue" } },
  { at: `${day}11:00:00.010Z`, trace: "t4", id: "s5", parent: "s4", name: "tools/call whoami", kind: "Client", service: "github-mcp", ms: 4, attributes: { "mcp.method.name": "tools/call", "gen_ai.tool.name": "whoami", "server.address": "identity" } },
];

/** What is no call of somebody else's. */
export const noCalls: readonly Span[] = [
  { at: `${day}12:00:00Z`, id: "n1", name: "GET /", service: "shop", attributes: { "http.request.method": "GET" } },
  { at: `${day}12:00:00Z`, id: "n2", name: "eth_call", service: "chain", attributes: { "rpc.system": "jsonrpc", "rpc.method": "eth_call" } },
  { at: `${day}12:00:00Z`, id: "n3", name: "execute_tool python", kind: "Internal", service: "agent", attributes: { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "python" } },
  { at: `${day}12:00:01Z`, id: "", name: "tools/call x", service: "broken", attributes: { "mcp.method.name": "tools/call", "gen_ai.tool.name": "x" } },
];
