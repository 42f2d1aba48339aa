import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterEach, expect, test } from "vitest";
import type { FixtureHttpServer } from "../../fixtures/mcp-server/http.ts";
import { startFixture } from "../../support/mcp-fixture.ts";
import { asAlice, httpServer, startProxyApp, testKeys, type TestProxy, type TestProxyOptions } from "../../support/proxy-app.ts";
import { legacyStdio, modernStdio, rawStdio, type RawStdio } from "../../support/stdio-client.ts";
import { answerJson, idOf, startStubUpstream } from "../../support/stub-upstream.ts";
import { waitFor } from "../../support/wait.ts";

let proxy: TestProxy;
let fixture: FixtureHttpServer | undefined;
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await proxy?.stop();
  await fixture?.stop();
  fixture = undefined;
});

async function start(options: Partial<TestProxyOptions> = {}): Promise<void> {
  fixture = await startFixture();
  proxy = await startProxyApp({ servers: [httpServer(fixture.url)], ...options });
}

const command = (env: Record<string, string> = { SIGNALBOX_KEY: testKeys.alice }) => ({ args: ["stdio", "fixture", "--url", proxy.baseUrl], env });
const clients = { old: legacyStdio, new: modernStdio } as const;

async function connect<E extends keyof typeof clients>(era: E): Promise<Awaited<ReturnType<(typeof clients)[E]>>> {
  const client = await clients[era](command());
  closing.push(() => client.close());
  return client as Awaited<ReturnType<(typeof clients)[E]>>;
}

function raw(env?: Record<string, string>): RawStdio {
  const one = rawStdio(command(env));
  closing.push(async () => {
    one.child.kill("SIGKILL");
    await one.exited;
  });
  return one;
}

const initialize = { jsonrpc: "2.0", id: 0, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } } };
const initialized = { jsonrpc: "2.0", method: "notifications/initialized" };
const modernMeta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };
const callTool = (id: number, name: string, more: Record<string, unknown> = {}) => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: {}, ...more } });

for (const [era, revision] of [
  ["old", "2025-11-25"],
  ["new", "2026-07-28"],
] as const) {
  test(`a client of the ${era} era calls tools, hears progress and reads prompts over its pipes`, async () => {
    await start();
    const client = await connect(era);
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain("test_simple_text");
    expect(JSON.stringify(await client.callTool({ name: "test_simple_text", arguments: {} }))).toContain("text");
    const progress: number[] = [];
    const options = { onprogress: (p: { progress: number }) => void progress.push(p.progress) };
    const slow = { name: "test_tool_with_progress", arguments: {} };
    await (client instanceof Client ? client.callTool(slow, undefined, options) : client.callTool(slow, options));
    // The v1 client drops what arrives in one piece with the answer, over any pipe; that nothing is lost is tried below.
    expect(progress.slice(0, 2)).toEqual([0, 50]);
    expect((await client.listPrompts()).prompts.length).toBeGreaterThan(0);

    const call = proxy.audit.records.find((r) => r.tool === "test_simple_text");
    expect(call).toMatchObject({ agent: "alice", decision: "allow", outcome: "ok", protocolVersion: revision });
    expect(proxy.audit.records.map((r) => r.clientName)).toContain(era === "old" ? "desktop-v1" : "desktop-v2");
  });

  test(`a client of the ${era} era is asked by the server, and its answer arrives`, async () => {
    await start();
    const client = await connect(era);
    const answer = { model: "m", role: "assistant", content: { type: "text", text: "the model's words" } } as const;
    if (client instanceof Client) client.setRequestHandler(CreateMessageRequestSchema, () => answer);
    else client.setRequestHandler("sampling/createMessage", () => answer);
    expect(JSON.stringify(await client.callTool({ name: "test_sampling", arguments: { prompt: "?" } }))).toContain("the model's words");
  });

  test(`a denied call of the ${era} era is a result that the model reads, and on record`, async () => {
    await start({ decide: ({ tool }) => (tool === "test_simple_text" ? { decision: "deny", message: "not for you" } : {}) });
    const client = await connect(era);
    const result = await client.callTool({ name: "test_simple_text", arguments: {} });
    expect(result).toMatchObject({ isError: true });
    expect(JSON.stringify(result)).toContain("not for you");
    expect(proxy.audit.records.find((r) => r.tool === "test_simple_text")).toMatchObject({ decision: "deny", outcome: "denied" });
  });
}

test("a call over pipes leaves the record that the same call over HTTP leaves", async () => {
  await start();
  const viaPipes = await connect("old");
  const viaHttp = new Client({ name: "desktop-v1", version: "1" });
  await viaHttp.connect(new StreamableHTTPClientTransport(new URL(proxy.url), { requestInit: { headers: asAlice } }));
  closing.push(() => viaHttp.close());
  const recordOf = async (client: Client) => {
    const from = proxy.audit.records.length;
    await client.callTool({ name: "test_simple_text", arguments: { a: "b" } });
    const record = proxy.audit.records.slice(from).find((r) => r.method === "tools/call")!;
    const { receivedUs, decidedAfterUs, forwardedAfterUs, answeredAfterUs, completedAfterUs, proxyUs, traceId, spanId, parentSpanId, upstreamSpanId, sessionId, rpcId, resultDigest, ...same } = record;
    expect(sessionId).not.toBe("");
    return same;
  };
  expect(await recordOf(viaPipes)).toEqual(await recordOf(viaHttp));
});

test("what a server says before its answer arrives before it, in order", async () => {
  await start();
  const one = raw();
  one.send(initialize);
  await one.message((m) => m.id === 0);
  one.send(initialized);
  one.send(callTool(1, "test_tool_with_progress", { _meta: { progressToken: "p" } }));
  await one.message((m) => m.id === 1);
  const said = one.lines.slice(1).map((line) => JSON.parse(line) as { id?: number; params?: { progress: number; progressToken: string } });
  expect(said.map((m) => m.params?.progress ?? `answer ${m.id}`)).toEqual([0, 50, 100, "answer 1"]);
  expect(said[0]!.params?.progressToken).toBe("p");
});

test("a stream that the server breaks off is taken up again where it ended", async () => {
  await start();
  const one = raw();
  one.send(initialize);
  await one.message((m) => m.id === 0);
  one.send(initialized);
  one.send(callTool(1, "test_reconnection"));
  expect(JSON.stringify(await one.message((m) => m.id === 1))).toContain("Answered after the stream was closed.");
  expect(proxy.audit.records.filter((r) => r.rpcId === "1" && r.outcome === "ok")).toHaveLength(1);
});

test("what a server says by itself arrives, on the stream of its own", async () => {
  const upstream = await startStubUpstream();
  closing.push(() => upstream.stop());
  upstream.answer = (request, response) => {
    if (request.method === "GET") return void response.writeHead(200, { "content-type": "text/event-stream" }).write('data: {"jsonrpc":"2.0",\ndata: "method":"notifications/tools/list_changed"}\n\n');
    const { method } = JSON.parse(request.body) as { method: string };
    if (method === "initialize") return void answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "s", version: "1" } } });
    response.writeHead(202).end();
  };
  proxy = await startProxyApp({ servers: [httpServer(upstream.url)] });
  const one = raw();
  one.send(initialize);
  await one.message((m) => m.id === 0);
  one.send(initialized);
  expect(await one.message((m) => m.method !== undefined)).toEqual({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
});

test("an argument that the newest revision wants in a header too is put there, before and after the client has seen a list", async () => {
  await start();
  for (const listed of [false, true]) {
    const one = raw();
    if (listed) {
      one.send({ jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta: modernMeta } });
      await one.message((m) => m.id === 1);
    }
    one.send(callTool(2, "test_header_param", { arguments: { region: "Zürich" }, _meta: modernMeta }));
    expect(JSON.stringify(await one.message((m) => m.id === 2))).toContain("Region: Zürich");
  }
});

test("a cancellation of the newest era closes the request, which is how it is cancelled over HTTP", async () => {
  const upstream = await startStubUpstream();
  closing.push(() => upstream.stop());
  upstream.answer = () => {};
  proxy = await startProxyApp({ servers: [httpServer(upstream.url)] });
  const one = raw();
  one.send(callTool(7, "slow", { _meta: modernMeta }));
  await waitFor("the call to arrive", () => upstream.requests.length > 0);
  one.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } });
  await upstream.abandoned;
  expect(await proxy.audit.recorded((r) => r.tool === "slow")).toMatchObject({ outcome: "cancelled" });
  expect(upstream.requests).toHaveLength(1);
  expect(one.lines).toEqual([]);
});

test("a cancellation of the older era is passed on as the message that it is", async () => {
  const upstream = await startStubUpstream();
  closing.push(() => upstream.stop());
  upstream.answer = (request, response) => {
    if (request.method !== "POST") return void response.writeHead(405).end();
    const { method } = JSON.parse(request.body) as { method: string };
    if (method === "initialize") return void answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "s", version: "1" } } });
    if (method.startsWith("notifications/")) return void response.writeHead(202).end();
  };
  proxy = await startProxyApp({ servers: [httpServer(upstream.url)] });
  const one = raw();
  one.send(initialize);
  await one.message((m) => m.id === 0);
  one.send(initialized);
  one.send(callTool(7, "slow"));
  await waitFor("the call to arrive", () => upstream.requests.some((r) => r.body.includes("tools/call")));
  one.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } });
  await upstream.abandoned;
  expect(upstream.requests.map((r) => r.body).filter((body) => body.includes("notifications/cancelled"))).toHaveLength(1);
  expect(upstream.requests.find((r) => r.body.includes("tools/call"))?.headers["mcp-protocol-version"]).toBe("2025-11-25");
  expect(await proxy.audit.recorded((r) => r.tool === "slow")).toMatchObject({ outcome: "cancelled" });
});

test("a session that the server has lost is begun again once, and the call is answered", async () => {
  await start();
  const one = raw();
  one.send(initialize);
  await one.message((m) => m.id === 0);
  one.send(initialized);
  one.send({ jsonrpc: "2.0", id: 1, method: "ping" });
  await one.message((m) => m.id === 1);
  const port = Number(new URL(fixture!.url).port);
  await fixture!.stop();
  const { serveFixtureHttp } = await import("../../fixtures/mcp-server/http.ts");
  fixture = await serveFixtureHttp(port);

  one.send(callTool(2, "test_simple_text"));
  expect(await one.message((m) => m.id === 2)).toHaveProperty("result");
  expect(one.stderr()).toContain("begun again");
  const methods = proxy.audit.records.map((r) => `${r.method} ${r.httpStatus}`);
  expect(methods.filter((m) => m === "initialize 200")).toHaveLength(2);
  expect(methods.filter((m) => m === "tools/call 404")).toHaveLength(1);
  expect(methods.filter((m) => m === "tools/call 200")).toHaveLength(1);
  // The client began one session, and is told of one.
  expect(one.lines.filter((line) => line.includes("serverInfo"))).toHaveLength(1);
});

test("what is no message is answered as such, and nothing but protocol is ever on standard output", async () => {
  await start();
  const one = raw();
  one.send("this is no JSON");
  one.send('{"jsonrpc":"2.0","id":3}');
  expect(await one.message((m) => m.id === null)).toMatchObject({ error: { code: -32700 } });
  expect(await one.message((m) => m.id === 3)).toMatchObject({ error: { code: -32600 } });
  one.child.stdin.end();
  expect(await one.exited).toBe(0);
  for (const line of one.lines) expect(JSON.parse(line)).toMatchObject({ jsonrpc: "2.0" });
});

test("a client that closes its end gets its answers first, and its session ends with it", async () => {
  await start();
  const one = raw();
  one.send(initialize);
  await one.message((m) => m.id === 0);
  one.send(initialized);
  one.send(callTool(1, "test_tool_with_progress"));
  one.child.stdin.end();
  expect(await one.exited).toBe(0);
  expect(one.lines.map((line) => (JSON.parse(line) as { id?: number }).id)).toContain(1);
  expect(await proxy.audit.recorded((r) => r.method === "transport/session-end")).toMatchObject({ outcome: "ok" });
});

test("a credential that is not accepted is an error of the call, and standard error says what to do", async () => {
  await start();
  const one = raw({ SIGNALBOX_KEY: "key-of-nobody" });
  one.send(initialize);
  expect(await one.message((m) => m.id === 0)).toMatchObject({ error: { code: 40101 } });
  expect(one.stderr()).toContain("--key-file");
  expect(one.stderr()).not.toContain("key-of-nobody");
  expect(proxy.audit.records[0]).toMatchObject({ decision: "deny", reason: "unauthenticated" });
});

test("a proxy that is not there is an error of each call, and the program stays", async () => {
  await start();
  const unreachable = proxy.baseUrl.replace(/:\d+$/, ":1");
  const one = rawStdio({ args: ["stdio", "fixture", "--url", unreachable], env: {} });
  one.send(initialize);
  expect(await one.message((m) => m.id === 0)).toMatchObject({ error: { code: 50201, message: expect.stringContaining("not running") } });
  one.child.stdin.end();
  expect(await one.exited).toBe(0);
});

test("a key file is read, and one that is missing ends the program before it begins", async () => {
  await start();
  const dir = mkdtempSync(join(tmpdir(), "signalbox-"));
  closing.push(async () => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, "key"), `${testKeys.alice}\n`);
  const one = rawStdio({ args: ["stdio", "fixture", "--url", proxy.baseUrl, "--key-file", join(dir, "key")] });
  one.send(initialize);
  expect(await one.message((m) => m.id === 0)).toHaveProperty("result");
  one.child.stdin.end();
  expect(await one.exited).toBe(0);

  const without = rawStdio({ args: ["stdio", "fixture", "--url", proxy.baseUrl, "--key-file", join(dir, "nothing")] });
  expect(await without.exited).toBe(1);
  expect(without.lines).toEqual([]);
  expect(without.stderr()).toContain("there is no key file");
});
