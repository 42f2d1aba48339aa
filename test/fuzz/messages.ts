import type { Random } from "../support/random.ts";

/** One HTTP request as a client sends it, before anything is done to it. */
export interface Draft {
  method: string;
  target: string;
  version: string;
  headers: [string, string][];
  /** Null where there is none. */
  body: unknown;
}

export interface Senders {
  readonly key: string;
  /** Of a session that the upstream began, as the proxy gave it out. */
  readonly sessionId: string;
}

const MODERN = "2026-07-28";
const meta = {
  "io.modelcontextprotocol/protocolVersion": MODERN,
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "fuzz", version: "1" },
};

const calls: readonly { name: string; arguments?: Record<string, unknown> }[] = [
  { name: "echo", arguments: { text: "hello", limit: 10 } },
  { name: "echo", arguments: { text: "hello", limit: 1000 } },
  { name: "echo", arguments: { deep: { list: [1, 2, { a: "b" }] }, big: 9007199254740993, small: 0.1, none: null, yes: true } },
  { name: "echo" },
  { name: "notes.add", arguments: { text: "zażółć \u{1f980}", tags: ["a", "b"] } },
  { name: "drop", arguments: { table: "calls" } },
  { name: "pay", arguments: { amount: 5 } },
  { name: "unknown", arguments: {} },
];

const legacy: readonly { method: string; params?: unknown; id?: unknown }[] = [
  { method: "initialize", id: 0, params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "fuzz", version: "1" } } },
  { method: "notifications/initialized" },
  { method: "notifications/cancelled", params: { requestId: 3, reason: "no longer needed" } },
  { method: "ping", id: "p-1" },
  { method: "tools/list", id: 2 },
  { method: "tools/list", id: 3, params: { cursor: "next" } },
  { method: "resources/list", id: 4 },
  { method: "resources/templates/list", id: 5 },
  { method: "prompts/list", id: 6 },
  { method: "prompts/get", id: 7, params: { name: "greeting", arguments: { who: "you" } } },
  { method: "prompts/get", id: 8, params: { name: "secret" } },
  { method: "resources/read", id: 9, params: { uri: "file:///open/a.txt" } },
  { method: "resources/read", id: 10, params: { uri: "file:///closed/a.txt" } },
  { method: "resources/subscribe", id: 11, params: { uri: "file:///open/a.txt" } },
  { method: "completion/complete", id: 12, params: { ref: { type: "ref/prompt", name: "greeting" }, argument: { name: "who", value: "y" } } },
  { method: "logging/setLevel", id: 13, params: { level: "info" } },
  { method: "tasks/get", id: 14, params: { taskId: "t-1" } },
  ...calls.map((params, index) => ({ method: "tools/call", id: 20 + index, params })),
];

const modern: readonly { method: string; params?: Record<string, unknown>; named?: string; region?: string }[] = [
  { method: "tools/call", params: { name: "echo", arguments: { region: "eu" } }, named: "echo", region: "eu" },
  { method: "tools/call", params: { name: "notes.add", arguments: { region: "Łódź" } }, named: "notes.add", region: `=?base64?${Buffer.from("Łódź").toString("base64")}?=` },
  { method: "server/discover" },
  { method: "tools/list" },
  { method: "prompts/get", params: { name: "greeting" }, named: "greeting" },
  { method: "resources/read", params: { uri: "file:///open/ü.txt" }, named: `=?base64?${Buffer.from("file:///open/ü.txt").toString("base64")}?=` },
  { method: "subscriptions/listen", params: { notifications: { toolsListChanged: true, resourceSubscriptions: ["file:///open/a.txt"] } } },
  { method: "tasks/update", params: { taskId: "t-1" }, named: "t-1" },
  ...calls.map((params) => ({ method: "tools/call", params, named: params.name })),
  { method: "tools/call", params: { name: "echo", arguments: { limit: 1 }, requestState: "opaque", inputResponses: { a: { action: "accept", content: { x: 1 } } } }, named: "echo" },
];

/** A message that a client of either era might send. */
export function realMessage(random: Random, { key, sessionId }: Senders): Draft {
  const headers: [string, string][] = [
    ["Host", "127.0.0.1"],
    ["Content-Type", "application/json"],
    ["Accept", "application/json, text/event-stream"],
    ["Authorization", `Bearer ${key}`],
  ];
  const draft: Draft = { method: "POST", target: random.next() < 0.85 ? "/mcp/fixture" : "/mcp/vault", version: "HTTP/1.1", headers, body: null };
  const kind = random.next();
  if (kind < 0.04) {
    draft.method = random.pick(["GET", "DELETE"]);
    headers.push(["Mcp-Session-Id", sessionId], ["MCP-Protocol-Version", "2025-06-18"]);
  } else if (kind < 0.08) {
    draft.body = random.pick([{ jsonrpc: "2.0", id: "e-1", result: { action: "accept", content: { x: 1 } } }, { jsonrpc: "2.0", id: 4, error: { code: -1, message: "no" } }]);
  } else if (kind < 0.55) {
    const message = random.pick(legacy);
    draft.body = { jsonrpc: "2.0", ...message };
    if (message.method !== "initialize") headers.push(["MCP-Protocol-Version", "2025-06-18"]);
    if (message.method !== "initialize" && random.next() < 0.3) headers.push(["Mcp-Session-Id", sessionId]);
  } else {
    const { method, params, named, region } = random.pick(modern);
    draft.body = { jsonrpc: "2.0", id: random.int(1, 1000), method, params: { ...params, _meta: meta } };
    headers.push(["MCP-Protocol-Version", MODERN], ["Mcp-Method", method]);
    if (named !== undefined) headers.push(["Mcp-Name", named]);
    if (region !== undefined) headers.push(["Mcp-Param-Region", region]);
  }
  return draft;
}
