import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { afterEach, expect, test } from "vitest";
import { asAlice } from "../../support/proxy-app.ts";
import { startSseServer, type SseServer } from "../../support/sse-server.ts";
import { startStdioProxy, type StdioProxy } from "../../support/stdio-proxy.ts";
import { waitFor } from "../../support/wait.ts";

let server: SseServer;
let proxy: StdioProxy;
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(more: Record<string, unknown> = {}, options: Parameters<typeof startSseServer>[0] = {}): Promise<void> {
  server = await startSseServer(options);
  proxy = await startStdioProxy([{ name: "old", transport: "sse", url: server.url, ...more }]);
  closing.push(() => server.stop(), () => proxy.stop());
}

async function connect(): Promise<Client> {
  const client = new Client({ name: "c", version: "1" }, { capabilities: { sampling: {} } });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${proxy.baseUrl}/mcp/old`), { requestInit: { headers: asAlice } }));
  closing.push(() => client.close());
  return client;
}

test("a server of 2024-11-05 serves clients of Streamable HTTP: calls, progress, questions", async () => {
  await start({ headers: { Authorization: "Bearer upstream-credential" } });
  const client = await connect();
  client.setRequestHandler(CreateMessageRequestSchema, () => ({ model: "m", role: "assistant", content: { type: "text", text: "the model's words" } }));
  expect((await client.listTools()).tools.map((tool) => tool.name)).toEqual(expect.arrayContaining(["echo", "count", "ask", "hang"]));
  expect(JSON.stringify(await client.callTool({ name: "echo", arguments: { message: "hi" } }))).toContain("hi");
  const progress: number[] = [];
  await client.callTool({ name: "count", arguments: {} }, undefined, { onprogress: (p) => void progress.push(p.progress) });
  expect(progress.slice(0, 2)).toEqual([1, 2]);
  expect(JSON.stringify(await client.callTool({ name: "ask", arguments: {} }))).toContain("the model's words");

  expect(proxy.audit.records.find((r) => r.tool === "echo")).toMatchObject({ server: "old", outcome: "ok", decision: "allow", transport: "tcp", upstreamAddress: new URL(server.url).host });
  // The credential is the proxy's own, and the caller's stays here.
  expect(new Set(server.requests.map((headers) => headers.authorization))).toEqual(new Set(["Bearer upstream-credential"]));
});

test("each session has a stream of its own, which ends with it, and no more than the registry allows", async () => {
  await start({ maxSessions: 1 });
  const client = await connect();
  expect(server.streams).toBe(1);
  await expect(connect()).rejects.toThrow(/No further process|503/);
  await (client.transport as StreamableHTTPClientTransport).terminateSession();
  await waitFor("the stream to end", () => server.streams === 0);
  await connect();
});

test("a call that its client cancels is cancelled there", async () => {
  await start();
  const client = await connect();
  const abort = new AbortController();
  const call = client.callTool({ name: "hang", arguments: {} }, undefined, { signal: abort.signal });
  call.catch(() => undefined);
  await waitFor("the call to arrive", () => server.requests.length >= 4);
  abort.abort();
  await waitFor("the cancellation", () => server.cancelled.length === 1);
});

test("a server that drops its stream ends the calls on it, on record, and the session", async () => {
  await start();
  const client = await connect();
  const call = client.callTool({ name: "hang", arguments: {} });
  call.catch(() => undefined);
  await waitFor("the call to arrive", () => server.requests.length >= 4);
  server.dropAll();
  await expect(call).rejects.toThrow();
  expect(await proxy.audit.recorded((r) => r.tool === "hang")).toMatchObject({ outcome: "transport_error", httpStatus: 502 });
  await expect(client.callTool({ name: "echo", arguments: { message: "hi" } })).rejects.toThrow(/Session not found/);
});

test("a server that names another origin for its messages gets none", async () => {
  await start({ headers: { "X-Secret": "s" } }, { endpoint: "http://localhost:1/steal" });
  await expect(connect()).rejects.toThrow();
  expect(await proxy.audit.recorded((r) => r.method === "initialize")).toMatchObject({ outcome: "transport_error" });
});
