import { fileURLToPath } from "node:url";
import { Client, StreamableHTTPClientTransport, type ClientOptions } from "@modelcontextprotocol/client";
import { afterEach, describe, expect, test } from "vitest";
import { serveFixtureHttp } from "../../fixtures/mcp-server/http.ts";
import { asAlice, asBob } from "../../support/proxy-app.ts";
import { startSseServer } from "../../support/sse-server.ts";
import { startStdioProxy, type StdioProxy, type StdioServer } from "../../support/stdio-proxy.ts";
import { startV1Http } from "../../support/v1-http.ts";
import { waitFor } from "../../support/wait.ts";

const NEWEST = "2026-07-28";
const META = "io.modelcontextprotocol";
let proxy: StdioProxy;
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(server: StdioServer, options: Parameters<typeof startStdioProxy>[1] = {}): Promise<void> {
  proxy = await startStdioProxy([server], options);
  closing.push(() => proxy.stop());
}

const everything: NonNullable<ClientOptions["capabilities"]> = { sampling: {}, elicitation: { form: {}, url: {} }, roots: {} };

async function connect({ capabilities = everything, headers = asAlice, ...options }: ClientOptions & { headers?: Record<string, string> } = {}): Promise<Client> {
  const client = new Client({ name: "new", version: "1" }, { capabilities, versionNegotiation: { mode: { pin: NEWEST } }, ...options });
  if (capabilities.sampling) client.setRequestHandler("sampling/createMessage", () => ({ model: "m", role: "assistant", content: { type: "text", text: "the model's words" } }));
  if (capabilities.elicitation) client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { ok: true } }));
  if (capabilities.roots) client.setRequestHandler("roots/list", () => ({ roots: [{ uri: "file:///home" }] }));
  await client.connect(new StreamableHTTPClientTransport(new URL(`${proxy.baseUrl}/mcp/old`), { requestInit: { headers } }));
  closing.push(() => client.close());
  return client;
}

let lastId = 100;
/** A request with nobody's library in front of it. */
function send(method: string, params: Record<string, unknown> = {}, { headers = asAlice, capabilities = everything, signal }: { headers?: Record<string, string>; capabilities?: unknown; signal?: AbortSignal } = {}): Promise<Response> {
  const _meta = { [`${META}/protocolVersion`]: NEWEST, [`${META}/clientCapabilities`]: capabilities, ...(params._meta as object | undefined) };
  const name = (params.name ?? params.uri) as string | undefined;
  return fetch(`${proxy.baseUrl}/mcp/old`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", "mcp-protocol-version": NEWEST, "mcp-method": method, ...(name ? { "mcp-name": name } : {}), ...headers },
    body: JSON.stringify({ jsonrpc: "2.0", id: ++lastId, method, params: { ...params, _meta } }),
    ...(signal ? { signal } : {}),
  });
}
const answerOf = async (sent: Promise<Response>): Promise<{ result: Record<string, unknown>; error?: { code: number; message: string } }> => {
  const response = await sent;
  const text = await response.text();
  const data = (response.headers.get("content-type") ?? "").startsWith("text/event-stream") ? text.split("\n").filter((line) => line.startsWith("data: ")).at(-1)!.slice(6) : text;
  return JSON.parse(data) as Awaited<ReturnType<typeof answerOf>>;
};

/** The same server of the older protocol, over each transport. */
const servers: Readonly<Record<string, () => Promise<StdioServer>>> = {
  "Streamable HTTP": async () => {
    const server = await startV1Http();
    closing.push(() => server.stop());
    return { name: "old", transport: "streamable-http", url: server.url };
  },
  "HTTP+SSE": async () => {
    const server = await startSseServer();
    closing.push(() => server.stop());
    return { name: "old", transport: "sse", url: server.url };
  },
  stdio: () => Promise.resolve({ name: "old", command: process.execPath, args: [fileURLToPath(new URL("../../fixtures/v1-stdio.ts", import.meta.url))] }),
};

for (const [transport, server] of Object.entries(servers)) {
  describe(`a client of 2026-07-28 and a server of the older protocol over ${transport}`, () => {
    test("discover, lists and calls, as the newest revision has them", async () => {
      await start(await server());
      const discovered = await answerOf(send("server/discover"));
      expect(discovered.result).toMatchObject({ resultType: "complete", supportedVersions: [NEWEST], capabilities: { tools: { listChanged: true }, logging: {} }, instructions: "Ask before you echo.", cacheScope: "private", _meta: { [`${META}/serverInfo`]: { name: "of-2024" } } });
      const client = await connect();
      expect((await client.listTools()).tools.map((tool) => tool.name)).toContain("echo");
      expect(JSON.stringify(await client.callTool({ name: "echo", arguments: { message: "hi" } }))).toContain("hi");
      const listed = await answerOf(send("tools/list"));
      expect(listed.result).toMatchObject({ resultType: "complete", ttlMs: 0, cacheScope: "private" });
      expect((await answerOf(send("resources/read", { uri: "test://none" }))).error).toMatchObject({ code: -32602 });
      expect(proxy.audit.records.find((r) => r.tool === "echo")).toMatchObject({ outcome: "ok", decision: "allow", protocolVersion: NEWEST, sessionId: "" });
    });

    test("what the server asks comes as a result, and each round is a record", async () => {
      await start(await server());
      const client = await connect();
      expect(JSON.stringify(await client.callTool({ name: "ask", arguments: {} }))).toContain("the model's words");
      expect(JSON.stringify(await client.callTool({ name: "confirm", arguments: {} }))).toContain("accept {\\\"ok\\\":true} file:///home");
      // Asked once about the first, twice about the second.
      expect(proxy.audit.records.filter((r) => r.method === "tools/call").map((r) => [r.tool, r.outcome])).toEqual([
        ["ask", "ok"],
        ["ask", "ok"],
        ["confirm", "ok"],
        ["confirm", "ok"],
        ["confirm", "ok"],
      ]);
    });

    test("progress, log messages of the level that was asked for, and none where none was", async () => {
      await start(await server());
      const client = await connect();
      const progress: number[] = [];
      await client.callTool({ name: "count", arguments: {} }, { onprogress: (p) => void progress.push(p.progress) });
      expect(progress).toEqual([1, 2, 3]);
      const log = (level?: string) => send("tools/call", { name: "log", arguments: {}, _meta: level === undefined ? {} : { [`${META}/logLevel`]: level } }).then((r) => r.text());
      expect(await log()).not.toContain("careful");
      const debug = await log("debug");
      expect(debug).toContain("at debug");
      expect(debug).toContain("careful");
      const warning = await log("warning");
      expect(warning).toContain("careful");
      expect(warning).not.toContain("at ");
    });

    test("what changes is heard on a listening stream, and nothing else on it", async () => {
      await start(await server());
      const client = await connect();
      const heard: string[] = [];
      client.setNotificationHandler("notifications/tools/list_changed", () => void heard.push("tools"));
      client.setNotificationHandler("notifications/resources/updated", ({ params }) => void heard.push(params.uri));
      const listening = await client.listen({ toolsListChanged: true, resourceSubscriptions: ["test://notes"] });
      await client.callTool({ name: "change", arguments: {} });
      await waitFor("both", () => heard.length === 2);
      expect(heard.toSorted()).toEqual(["test://notes", "tools"]);
      await listening.close();
      await proxy.audit.recorded((r) => r.method === "subscriptions/listen");
      await waitFor("the subscription to end", async () => {
        heard.length = 0;
        await client.callTool({ name: "change", arguments: {} });
        return heard.length === 0;
      });
    });

    test("a request that is closed is cancelled there", async () => {
      await start(await server());
      await answerOf(send("tools/list"));
      const abort = new AbortController();
      const call = send("tools/call", { name: "hang", arguments: {}, _meta: { progressToken: 1 } }, { signal: abort.signal });
      await waitFor("the call to be under way", async () => JSON.stringify(await answerOf(send("tools/call", { name: "hanging", arguments: {} }))).includes("1 hang"));
      abort.abort();
      await expect(call).rejects.toThrow();
      expect(await proxy.audit.recorded((r) => r.tool === "hang")).toMatchObject({ outcome: "cancelled" });
      await waitFor("the server to hear of it", async () => JSON.stringify(await answerOf(send("tools/call", { name: "hanging", arguments: {} }))).includes("0 hang"));
    });
  });
}

describe("a call that waits for its client", () => {
  const ask = { name: "ask", arguments: {} };
  const words = { model: "m", role: "assistant", content: { type: "text", text: "said" } };

  async function suspended(): Promise<{ requestState: string; inputResponses: Record<string, unknown> }> {
    await start(await servers.stdio!());
    const { result } = await answerOf(send("tools/call", ask));
    expect(result).toMatchObject({ resultType: "input_required", inputRequests: { [Object.keys(result.inputRequests as object)[0]!]: { method: "sampling/createMessage" } } });
    return { requestState: String(result.requestState), inputResponses: { [Object.keys(result.inputRequests as object)[0]!]: words } };
  }

  test("goes on when the client comes back with the answer, once", async () => {
    const round = await suspended();
    expect(JSON.stringify(await answerOf(send("tools/call", { ...ask, ...round })))).toContain("said");
    expect((await answerOf(send("tools/call", { ...ask, ...round }))).error).toMatchObject({ code: -32602 });
  });

  test("is asked about again when the client comes back without the answer", async () => {
    const { requestState, inputResponses } = await suspended();
    const { result } = await answerOf(send("tools/call", { ...ask, requestState, inputResponses: {} }));
    expect(result).toMatchObject({ resultType: "input_required" });
    expect(Object.keys(result.inputRequests as object)).toEqual(Object.keys(inputResponses));
    expect(JSON.stringify(await answerOf(send("tools/call", { ...ask, requestState: result.requestState, inputResponses })))).toContain("said");
  });

  test("is nobody else's, and no other call's", async () => {
    const round = await suspended();
    expect((await answerOf(send("tools/call", { ...ask, ...round }, { headers: asBob }))).error).toMatchObject({ code: -32602 });
    expect((await answerOf(send("tools/call", { name: "echo", arguments: { message: "x" }, ...round }))).error).toMatchObject({ code: -32602 });
    expect((await answerOf(send("tools/call", { ...ask, ...round, requestState: "made-up" }))).error).toMatchObject({ code: -32602 });
    expect(JSON.stringify(await answerOf(send("tools/call", { ...ask, ...round })))).toContain("said");
  });

  test("is judged again in each round", async () => {
    let allowed = true;
    await start(await servers.stdio!(), { decide: ({ tool }) => (tool === "ask" && !allowed ? { decision: "deny", reason: "rule", policyIds: ["late"], message: "No more." } : {}) });
    const { result } = await answerOf(send("tools/call", ask));
    allowed = false;
    const denied = await answerOf(send("tools/call", { ...ask, requestState: result.requestState, inputResponses: {} }));
    expect(JSON.stringify(denied)).toContain("Denied by policy: No more.");
    expect(proxy.audit.records.at(-1)).toMatchObject({ tool: "ask", decision: "deny", policyIds: ["late"] });
  });

  test("a client that can't answer is not asked: the server is told so", async () => {
    await start(await servers.stdio!());
    const { result } = await answerOf(send("tools/call", ask, { capabilities: {} }));
    expect(result).toMatchObject({ isError: true });
  });
});

test("each caller has a session of his own with the server, and clients of one share it", async () => {
  const server = await startV1Http();
  closing.push(() => server.stop());
  await start({ name: "old", transport: "streamable-http", url: server.url });
  for (const headers of [asAlice, asAlice, asBob]) await answerOf(send("tools/list", {}, { headers }));
  expect(server.sessions).toBe(2);
  // A client that can do less begins another session: what is said in it once holds for all of it.
  await answerOf(send("tools/list", {}, { capabilities: {} }));
  expect(server.sessions).toBe(3);
});

test("a session that the server has lost is begun again once, and the call is answered", async () => {
  const server = await startV1Http();
  closing.push(() => server.stop());
  await start({ name: "old", transport: "streamable-http", url: server.url });
  await answerOf(send("tools/list"));
  await server.loseSessions();
  expect(JSON.stringify(await answerOf(send("tools/call", { name: "echo", arguments: { message: "again" } })))).toContain("again");
  expect(server.begun).toBe(2);
  expect(proxy.audit.records.filter((r) => r.tool === "echo")).toHaveLength(1);
});

test("what a client listens to is subscribed to in the session that takes a lost one's place", async () => {
  const server = await startV1Http();
  closing.push(() => server.stop());
  await start({ name: "old", transport: "streamable-http", url: server.url });
  const client = await connect();
  let heard = 0;
  client.setNotificationHandler("notifications/resources/updated", () => void heard++);
  await client.listen({ resourceSubscriptions: ["test://notes"] });
  await server.loseSessions();
  await waitFor("a change to be heard", async () => {
    await client.callTool({ name: "change", arguments: {} });
    return heard > 0;
  });
  expect(server.begun).toBe(2);
});

test("where there is no room for another caller, a session that nobody waits for makes room", async () => {
  await start({ ...(await servers.stdio!()), maxProcesses: 1 } as StdioServer);
  await answerOf(send("tools/list"));
  expect((await answerOf(send("tools/list", {}, { headers: asBob }))).result).toBeDefined();
  const abort = new AbortController();
  const hanging = send("tools/call", { name: "hang", arguments: {} }, { headers: asBob, signal: abort.signal }).catch(() => undefined);
  await waitFor("the call to be under way", async () => JSON.stringify(await answerOf(send("tools/call", { name: "hanging", arguments: {} }, { headers: asBob }))).includes("1 hang"));
  expect((await send("tools/list")).status).toBe(503);
  abort.abort();
  await hanging;
  await waitFor("room", async () => (await send("tools/list")).status === 200);
});

test("a stream that the server breaks off is taken up again where it ended", async () => {
  const fixture = await serveFixtureHttp(0, "old");
  closing.push(() => fixture.stop());
  await start({ name: "old", transport: "streamable-http", url: fixture.url });
  const client = await connect();
  expect(JSON.stringify(await client.callTool({ name: "test_reconnection", arguments: {} }))).toContain("Answered after the stream was closed.");
});

test("a server of the newest revision is not taken for an old one, whatever it refuses", async () => {
  const fixture = await serveFixtureHttp();
  closing.push(() => fixture.stop());
  await start({ name: "old", transport: "streamable-http", url: fixture.url });
  for (let i = 0; i < 2; i++) {
    const response = await send("no/such-method");
    expect([response.status, ((await response.json()) as { error: { code: number } }).error.code]).toEqual([404, -32601]);
  }
  const { result } = await answerOf(send("tools/call", { name: "test_simple_text", arguments: {} }));
  expect(result).toMatchObject({ resultType: "complete" });
  // What an old session would say of itself.
  expect(proxy.audit.records.every((r) => r.sessionId === "")).toBe(true);
});

test("a server that is replaced by one of the newest revision is found out, at the price of one call", async () => {
  const old = await startV1Http();
  await start({ name: "old", transport: "streamable-http", url: old.url }, { probeTtlMs: 0 });
  expect((await answerOf(send("tools/list"))).result).toBeDefined();
  await old.stop();
  const fixture = await serveFixtureHttp(Number(new URL(old.url).port));
  closing.push(() => fixture.stop());
  expect((await send("tools/list")).status).toBe(502);
  expect(proxy.audit.records.at(-1)).toMatchObject({ outcome: "transport_error", errorType: "era_changed" });
  expect(JSON.stringify(await answerOf(send("tools/call", { name: "test_simple_text", arguments: {} })))).toContain("simple text");
});

test("the proxy's own credential goes to an old server too, and one that is not accepted is the proxy's failure", async () => {
  const server = await startV1Http({ token: "Bearer upstream" });
  closing.push(() => server.stop());
  await start({ name: "old", transport: "streamable-http", url: server.url, headers: { Authorization: "Bearer upstream" } });
  expect((await answerOf(send("tools/list"))).result).toBeDefined();
  server.token = "Bearer other";
  const response = await send("tools/list");
  expect(response.status).toBe(502);
  expect(proxy.audit.records.at(-1)).toMatchObject({ outcome: "transport_error", errorType: "401" });
});

test("methods of the older protocol alone, and tasks, are none for a client of the newest revision", async () => {
  await start(await servers.stdio!());
  for (const method of ["ping", "logging/setLevel", "resources/subscribe", "tasks/get"]) {
    const response = await send(method, method === "tasks/get" ? { taskId: "t" } : {}, method === "tasks/get" ? { headers: { ...asAlice, "mcp-name": "t" } } : {});
    expect([method, response.status]).toEqual([method, 404]);
  }
});
