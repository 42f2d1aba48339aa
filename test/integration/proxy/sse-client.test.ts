import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { afterEach, expect, test } from "vitest";
import type { FixtureHttpServer } from "../../fixtures/mcp-server/http.ts";
import { startFixture } from "../../support/mcp-fixture.ts";
import { startOtlpSink } from "../../support/otlp-sink.ts";
import { asAlice, asBob, httpServer, startProxyApp, type TestProxy, type TestProxyOptions } from "../../support/proxy-app.ts";
import { startStack } from "../../support/stack.ts";
import { answerJson, idOf, startStubUpstream } from "../../support/stub-upstream.ts";
import { waitFor } from "../../support/wait.ts";

let proxy: TestProxy;
let fixture: FixtureHttpServer;
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(options: Partial<TestProxyOptions> = {}): Promise<void> {
  fixture = await startFixture();
  proxy = await startProxyApp({ servers: [httpServer(fixture.url)], ...options });
  closing.push(() => fixture.stop(), () => proxy.stop());
}

async function connect(url: string, headers: Record<string, string> = asAlice): Promise<Client> {
  const client = new Client({ name: "of-2024", version: "1" }, { capabilities: { sampling: {} } });
  const withHeaders: typeof fetch = (input, init) => fetch(input, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), ...headers } });
  await client.connect(new SSEClientTransport(new URL(url), { fetch: withHeaders }));
  closing.push(() => client.close());
  return client;
}

/** The stream as bytes, and where its first event says that messages go. */
async function openStream(headers: Record<string, string> = asAlice): Promise<{ messages: string; text: () => string; close: () => void }> {
  const abort = new AbortController();
  const response = await fetch(`${proxy.url}/sse`, { headers, signal: abort.signal });
  let text = "";
  const reading = (async () => {
    for await (const chunk of response.body!) text += Buffer.from(chunk).toString("utf8");
  })().catch(() => undefined);
  closing.push(async () => {
    abort.abort();
    await reading;
  });
  const path = await waitFor("the endpoint event", () => /^event: endpoint\ndata: (\S+)\n\n/.exec(text)?.[1], { everyMs: 5 });
  return { messages: `${proxy.baseUrl}${path}`, text: () => text, close: () => abort.abort() };
}

const postTo = (url: string, body: unknown, headers: Record<string, string> = asAlice) =>
  fetch(url, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: typeof body === "string" ? body : JSON.stringify(body) });

test("a client of 2024-11-05 calls tools, hears progress and is asked by the server", async () => {
  await start();
  const client = await connect(`${proxy.url}/sse`);
  client.setRequestHandler(CreateMessageRequestSchema, () => ({ model: "m", role: "assistant", content: { type: "text", text: "the model's words" } }));
  expect((await client.listTools()).tools.map((tool) => tool.name)).toContain("test_simple_text");
  const progress: number[] = [];
  await client.callTool({ name: "test_tool_with_progress", arguments: {} }, undefined, { onprogress: (p) => void progress.push(p.progress) });
  expect(progress.slice(0, 2)).toEqual([0, 50]);
  expect(JSON.stringify(await client.callTool({ name: "test_sampling", arguments: { prompt: "?" } }))).toContain("the model's words");

  expect(proxy.audit.records.find((r) => r.tool === "test_sampling")).toMatchObject({ agent: "alice", decision: "allow", outcome: "ok", clientAddress: "127.0.0.1", server: "fixture" });
  await client.close();
  expect(await proxy.audit.recorded((r) => r.method === "transport/session-end")).toMatchObject({ outcome: "ok" });
  expect(await proxy.audit.recorded((r) => r.method === "transport/stream" && r.protocolVersion === "2024-11-05")).toMatchObject({ agent: "alice", outcome: "ok", httpStatus: 200 });
});

test("a call is decided and recorded as it is over Streamable HTTP", async () => {
  await start({ decide: ({ tool }) => (tool === "test_simple_text" ? { decision: "deny", message: "not for you" } : {}) });
  const client = await connect(`${proxy.url}/sse`);
  const result = await client.callTool({ name: "test_simple_text", arguments: {} });
  expect(JSON.stringify(result)).toContain("not for you");
  expect(proxy.audit.records.filter((r) => r.method === "tools/call")).toMatchObject([{ decision: "deny", outcome: "denied", tool: "test_simple_text" }]);
});

test("a stream is its opener's: neither a stranger nor another agent may post to it", async () => {
  await start();
  const { messages } = await openStream();
  const ping = { jsonrpc: "2.0", id: 1, method: "ping" };
  expect((await postTo(messages, ping, {})).status).toBe(401);
  expect((await postTo(messages, ping, asBob)).status).toBe(404);
  expect((await postTo(messages.replace(/-[0-9a-f]{8}/, "-00000000"), ping)).status).toBe(404);
  expect((await fetch(`${proxy.url}/sse`)).status).toBe(401);
  expect(proxy.audit.records.map((r) => [r.method, r.reason, r.decision])).toEqual([
    ["transport/post", "unauthenticated", "deny"],
    ["transport/post", "session_mismatch", "deny"],
    ["transport/post", "session_mismatch", "deny"],
    ["transport/stream", "unauthenticated", "deny"],
  ]);
});

test("what is no message, and what is too large, is refused and on record", async () => {
  await start({ config: { maxBodyBytes: 1000 } });
  const { messages, text } = await openStream();
  expect((await postTo(messages, "no JSON")).status).toBe(202);
  await waitFor("the error", () => text().includes("-32700"));
  expect((await postTo(messages, { jsonrpc: "2.0", id: 1, method: "ping", params: { x: "y".repeat(2000) } })).status).toBe(413);
  expect(proxy.audit.records.map((r) => r.reason)).toEqual(["malformed", "too_large"]);
});

test("a client that leaves ends its calls", async () => {
  const upstream = await startStubUpstream();
  closing.push(() => upstream.stop());
  upstream.answer = (request, response) => {
    if (request.method !== "POST") return void response.writeHead(405).end();
    const { method } = JSON.parse(request.body) as { method: string };
    if (method === "initialize") return void answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: { protocolVersion: "2024-11-05", capabilities: {}, serverInfo: { name: "s", version: "1" } } });
    if (method.startsWith("notifications/")) return void response.writeHead(202).end();
  };
  proxy = await startProxyApp({ servers: [httpServer(upstream.url)] });
  closing.push(() => proxy.stop());
  const { messages, close } = await openStream();
  await postTo(messages, { jsonrpc: "2.0", id: 0, method: "initialize", params: { protocolVersion: "2024-11-05", capabilities: {}, clientInfo: { name: "t", version: "1" } } });
  await postTo(messages, { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "slow" } });
  await waitFor("the call to arrive", () => upstream.requests.some((r) => r.body.includes("tools/call")));
  close();
  await upstream.abandoned;
  expect(await proxy.audit.recorded((r) => r.tool === "slow")).toMatchObject({ outcome: "cancelled" });
});

test("a proxy that stops lets calls on a stream end, and records the stream", async () => {
  await start();
  const client = await connect(`${proxy.url}/sse`);
  const underWay = Promise.withResolvers<void>();
  const call = client.callTool({ name: "test_tool_with_progress", arguments: {} }, undefined, { onprogress: () => underWay.resolve() });
  await underWay.promise;
  await proxy.drain(5000);
  expect(JSON.stringify(await call)).toContain("Reported progress.");
  expect(await proxy.audit.recorded((r) => r.method === "transport/stream" && r.protocolVersion === "2024-11-05")).toMatchObject({ outcome: "interrupted" });
});

test("with several workers a message reaches its stream, whichever worker it is posted to", async () => {
  fixture = await startFixture();
  const sink = await startOtlpSink();
  const stack = await startStack({ 
    roles: ["proxy"],
    servers: [httpServer(fixture.url) as Record<string, unknown>],
    rules: [{ id: "everything", effect: "allow", match: { servers: ["fixture"], methods: ["*"] } }],
    agents: ["tester"],
    config: { collector: { url: sink.url }, proxy: { workers: 3 } },
  });
  closing.push(() => fixture.stop(), () => sink.stop(), () => stack.stop());
  const headers = { authorization: `Bearer ${stack.keys.get("tester")!}`, connection: "close" };
  const clients = await Promise.all(Array.from({ length: 4 }, () => connect(`${stack.proxyUrl}/mcp/fixture/sse`, headers)));
  for (const client of clients) {
    for (let i = 0; i < 6; i++) expect(JSON.stringify(await client.callTool({ name: "test_simple_text", arguments: {} }))).toContain("text");
  }
});
