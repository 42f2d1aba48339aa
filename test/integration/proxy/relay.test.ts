import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { callRecordSchema } from "../../../collector/record/call-record.ts";
import { asAlice, asBob, httpServer, startProxyApp, type TestProxy, type TestProxyOptions } from "../../support/proxy-app.ts";
import { answerJson, idOf, startStubUpstream, type StubUpstream } from "../../support/stub-upstream.ts";

let upstream: StubUpstream;
let proxy: TestProxy;

beforeEach(async () => {
  upstream = await startStubUpstream();
});

afterEach(async () => {
  await proxy.stop();
  await upstream.stop();
});

async function start(options: Partial<TestProxyOptions> & { entry?: Record<string, unknown> } = {}): Promise<void> {
  const { entry, ...rest } = options;
  proxy = await startProxyApp({ servers: [httpServer(upstream.url, { tools: { read: { effect: "read", trusted: true } }, ...entry })], ...rest });
}

const json = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const call = (args: unknown = { path: "/a" }, id: unknown = 1) => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "read", arguments: args } });

const modernMeta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };
const modernHeaders = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "read" };
const modernCall = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "read", arguments: {}, _meta: { ...modernMeta } } };

function post(body: unknown, headers: Record<string, string> = asAlice, url = proxy.url, signal?: AbortSignal): Promise<Response> {
  return fetch(url, { method: "POST", headers: { ...json, ...headers }, body: typeof body === "string" ? body : JSON.stringify(body), ...(signal ? { signal } : {}) });
}

const last = () => proxy.audit.records.at(-1)!;

test("a call is forwarded, answered byte for byte and recorded whole", async () => {
  await start();
  const text = '{ "result" : {"content":[] },"jsonrpc":"2.0", "id":1}';
  upstream.answer = (_request, response) => response.writeHead(200, { "content-type": "application/json" }).end(text);
  const response = await post(call({ path: "/a", tags: ["x", "y"] }), { ...asAlice, "mcp-protocol-version": "2025-06-18" });
  expect(await response.text()).toBe(text);
  const record = last();
  expect(record).toMatchObject({
    agent: "alice",
    principal: "user:alice",
    credentialId: "key-of-alice",
    taskClass: "unassigned",
    method: "tools/call",
    tool: "read",
    rpcId: "1",
    protocolVersion: "2025-06-18",
    server: "fixture",
    owner: "platform-team",
    effect: "read",
    trusted: true,
    decision: "allow",
    policyIds: ["all"],
    outcome: "ok",
    errorType: "",
    httpStatus: 200,
    upstreamStatus: 200,
    resultBytes: text.length,
    transport: "tcp",
    upstreamAddress: new URL(upstream.url).host,
  });
  expect(record.arguments.map((leaf) => leaf.path)).toEqual(["/path", "/tags/*", "/tags/*"]);
  expect(record.resultDigest).toMatch(/^[0-9a-f]{32}$/);
  expect(callRecordSchema.omit({ producer: true, seq: true, prevHash: true, hash: true }).parse(record)).toEqual(record);
  expect(record.decidedAfterUs! <= record.forwardedAfterUs! && record.forwardedAfterUs! <= record.answeredAfterUs! && record.answeredAfterUs! <= record.completedAfterUs).toBe(true);
});

test("the answer leaves only when its record is durable", async () => {
  await start();
  const disk = Promise.withResolvers<void>();
  proxy.audit.hold = disk.promise;
  let answered = false;
  const response = post(call()).then((r) => ((answered = true), r.text()));
  await proxy.audit.recorded((r) => r.outcome === "ok");
  await new Promise((resolve) => setImmediate(resolve));
  expect(answered).toBe(false);
  disk.resolve();
  expect(await response).toContain("done");
});

test("an answer whose record cannot be written is withheld", async () => {
  await start();
  const failed = Promise.reject(new Error("disk"));
  failed.catch(() => {});
  proxy.audit.hold = failed;
  const response = await post(call());
  expect(response.status).toBe(503);
  expect(await response.text()).not.toContain("done");
});

test("while nothing can be recorded nothing is forwarded", async () => {
  await start();
  proxy.audit.available = false;
  const response = await post(call());
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ error: { data: { reason: "audit_unavailable" } } });
  expect(upstream.requests).toHaveLength(0);
  expect((await fetch(`${proxy.baseUrl}/readyz`)).status).toBe(503);
  expect((await fetch(`${proxy.baseUrl}/healthz`)).status).toBe(200);
});

test("no credential of the caller reaches the upstream, and the registry's own do", async () => {
  await start({ entry: { endpoint: { transport: "streamable-http", url: upstream.url, headers: { Authorization: "Bearer ${env:UP}" } } }, env: { UP: "secret" } });
  await post(call(), { ...asAlice, "x-api-key": "key-alice", cookie: "a=b", "mcp-param-region": "eu", "x-other": "1" });
  const { headers } = upstream.requests[0]!;
  expect(headers).toMatchObject({ authorization: "Bearer secret", "mcp-param-region": "eu" });
  expect(headers).not.toHaveProperty("x-api-key");
  expect(headers).not.toHaveProperty("cookie");
  expect(headers).not.toHaveProperty("x-other");
});

test("a denied tool call is a result that the model can read, and names its record", async () => {
  await start({ decide: () => ({ decision: "deny", policyIds: ["no-reads"], message: "Reading is not part of this task." }) });
  const response = await post(call());
  expect(response.status).toBe(200);
  const body = (await response.json()) as { result: { isError: boolean; content: { text: string }[]; resultType?: string } };
  expect(body.result.isError).toBe(true);
  expect(body.result).not.toHaveProperty("resultType");
  expect(body.result.content[0]?.text).toMatch(/Reading is not part of this task\.[^]*platform-team \(#platform\)[^]*memory-1/);
  expect(last()).toMatchObject({ outcome: "denied", decision: "deny", policyIds: ["no-reads"], reason: "rule", upstreamSpanId: "", forwardedAfterUs: null });
  expect(upstream.requests).toHaveLength(0);
});

test("a denied call of the newest revision says that its result is complete", async () => {
  await start({ decide: () => ({ decision: "deny" }) });
  const response = await post(modernCall, { ...asAlice, ...modernHeaders });
  expect(await response.json()).toMatchObject({ result: { isError: true, resultType: "complete" } });
});

test("another method that is denied is a JSON-RPC error with a code of ours", async () => {
  await start({ decide: () => ({ decision: "deny", policyIds: ["p"], message: "No." }) });
  const response = await post({ jsonrpc: "2.0", id: 9, method: "resources/read", params: { uri: "file:///x" } });
  expect(await response.json()).toEqual({ jsonrpc: "2.0", id: 9, error: { code: 40301, message: "No.", data: { reason: "rule", policyIds: ["p"], owner: "platform-team", contact: "#platform", callId: "memory-1" } } });
  expect(last()).toMatchObject({ method: "resources/read", resourceUri: "file:///x", outcome: "denied" });
});

test("a call that is held is refused for now", async () => {
  await start({ decide: () => ({ decision: "hold", message: "Needs approval." }) });
  expect(await (await post(call())).text()).toContain("Held by policy: Needs approval.");
  expect(last()).toMatchObject({ outcome: "held", decision: "hold" });
});

test("a server that is only observed is called against the decision, which is recorded", async () => {
  await start({ entry: { mode: "observe" }, decide: () => ({ decision: "deny", policyIds: ["p"] }) });
  expect(await (await post(call())).text()).toContain("done");
  expect(last()).toMatchObject({ outcome: "ok", decision: "allow", wouldBe: "deny", mode: "observe", policyIds: ["p"] });
});

for (const [what, entry, reason] of [
  ["retired", { lifecycle: "retired", mode: "observe" }, "server_retired"],
  ["only proposed", { lifecycle: "proposed" }, "server_not_approved"],
  ["approved elsewhere", { environments: ["production"] }, "server_not_approved"],
  ["for other tasks", { taskClasses: ["billing"] }, "task_class_not_approved"],
] as const) {
  test(`a server that is ${what} is not called`, async () => {
    await start({ entry: entry as Record<string, unknown> });
    expect(await (await post(call())).json()).toMatchObject({ result: { isError: true } });
    expect(last()).toMatchObject({ outcome: "denied", reason });
    expect(upstream.requests).toHaveLength(0);
  });
}

for (const [what, send, status, reason] of [
  ["without a credential", () => post(call(), {}), 401, "unauthenticated"],
  ["with a credential that nobody has", () => post(call(), { authorization: "Bearer nobody" }), 401, "unauthenticated"],
  ["to a server that the registry has not", () => post(call(), asAlice, `${proxy.baseUrl}/mcp/other`), 404, "unknown_server"],
  ["from another origin", () => post(call(), { ...asAlice, origin: "https://evil.example" }), 403, "bad_origin"],
  ["that is no JSON", () => post("{", asAlice), 400, "malformed"],
  ["in a batch", () => post([call()]), 400, "malformed"],
  ["that is too large", () => post(call({ a: "x".repeat(5000) })), 413, "too_large"],
  ["of another content type", () => post(call(), { ...asAlice, "content-type": "text/plain" }), 415, "malformed"],
  ["for a tool without a name", () => post({ jsonrpc: "2.0", id: 1, method: "tools/call", params: {} }), 400, "malformed"],
  ["for a tool whose name no record can hold", () => post('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read\\ud800"}}'), 400, "malformed"],
  ["that calls itself a stream", () => post({ jsonrpc: "2.0", id: 1, method: "transport/stream" }), 400, "method_not_allowed"],
  ["that calls itself an answer", () => post({ jsonrpc: "2.0", id: 1, method: "response", params: {} }), 400, "method_not_allowed"],
  ["whose headers name another tool", () => post(modernCall, { ...asAlice, ...modernHeaders, "mcp-name": "other" }), 400, "header_mismatch"],
] as const) {
  test(`a message ${what} is refused with ${status}, recorded as ${reason} and not forwarded`, async () => {
    await start({ config: { maxBodyBytes: 4096 } });
    const response = await send();
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ jsonrpc: "2.0", error: { data: { reason, callId: "memory-1" } } });
    expect(proxy.audit.records).toHaveLength(1);
    expect(last()).toMatchObject({ outcome: "denied", decision: "deny", basis: "default", reason, httpStatus: status, errorType: String(status) });
    expect(upstream.requests).toHaveLength(0);
    if (status === 401) expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
  });
}

test("a Host that the proxy does not serve is refused", async () => {
  await start();
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const request = httpRequest(proxy.url, { method: "POST", headers: { ...json, ...asAlice, host: "evil.example" } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on("error", reject);
    request.end(JSON.stringify(call()));
  });
  expect(status).toBe(403);
  expect(last()).toMatchObject({ reason: "bad_origin" });
});

test("what the router would refuse by itself is recorded: an unusual content type, a long name", async () => {
  await start();
  upstream.answer = (_request, response) => void response.writeHead(200).end();
  const ended = await fetch(proxy.url, { method: "DELETE", headers: { ...asAlice, "content-type": "nonsense" } });
  expect(ended.status).toBe(200);
  expect(last()).toMatchObject({ method: "transport/session-end", outcome: "ok" });
  const long = await fetch(`${proxy.baseUrl}/mcp/${"x".repeat(500)}`, { headers: asAlice });
  expect(long.status).toBe(404);
  expect(proxy.audit.records.map(({ reason }) => reason)).toEqual(["rule", "unknown_server"]);
});

test("a body in chunks that grows too large is cut off", async () => {
  await start({ config: { maxBodyBytes: 1000 } });
  const body = new ReadableStream({
    pull(controller) {
      controller.enqueue(new TextEncoder().encode("x".repeat(600)));
    },
  });
  const response = await fetch(proxy.url, { method: "POST", headers: { ...json, ...asAlice }, body, duplex: "half" } as RequestInit);
  expect(response.status).toBe(413);
  expect(last()).toMatchObject({ reason: "too_large" });
});

test("a client that leaves in the middle of its message is recorded", async () => {
  await start();
  const { port } = new URL(proxy.url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.write(`POST /mcp/fixture HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key-alice\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"jso`);
  socket.on("connect", () => setImmediate(() => socket.end(() => socket.destroy())));
  expect(await proxy.audit.recorded((r) => r.outcome === "cancelled")).toMatchObject({ agent: "alice", httpStatus: 0 });
});

test("a call that finds its worker full is told to come back", async () => {
  await start({ config: { maxInFlight: 1 } });
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  upstream.answer = (request, response) => {
    arrived.resolve();
    void release.promise.then(() => answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: {} }));
  };
  const first = post(call());
  await arrived.promise;
  const second = await post(call());
  expect(second.status).toBe(503);
  expect(second.headers.get("retry-after")).toBe("1");
  release.resolve();
  expect((await first).status).toBe(200);
  expect(proxy.audit.records.map((r) => r.reason)).toEqual(["overloaded", "rule"]);
});

test("closing the response cancels the call at the upstream", async () => {
  await start();
  const arrived = Promise.withResolvers<void>();
  upstream.answer = () => arrived.resolve();
  const abort = new AbortController();
  const response = post(call(), asAlice, proxy.url, abort.signal);
  response.catch(() => {});
  await arrived.promise;
  abort.abort();
  await upstream.abandoned;
  expect(await proxy.audit.recorded((r) => r.outcome === "cancelled")).toMatchObject({ tool: "read", httpStatus: 0, errorType: "cancelled" });
});

test("an upstream that does not answer in time is a timeout", async () => {
  await start({ entry: { endpoint: { transport: "streamable-http", url: upstream.url, timeoutMs: 150 } } });
  upstream.answer = () => {};
  const response = await post(call());
  expect(response.status).toBe(504);
  expect(await response.json()).toMatchObject({ id: 1, error: { code: 50401 } });
  expect(last()).toMatchObject({ outcome: "timeout", errorType: "timeout", decision: "allow", upstreamStatus: 0 });
});

test("an upstream that is not there is a transport error", async () => {
  await start({ entry: { endpoint: { transport: "streamable-http", url: "http://127.0.0.1:9/mcp" } } });
  const response = await post(call());
  expect(response.status).toBe(502);
  expect(last()).toMatchObject({ outcome: "transport_error", errorType: "econnrefused" });
});

for (const [what, answer, outcome] of [
  ["breaks off", (_q: unknown, r: import("node:http").ServerResponse) => void r.destroy(), "transport_error"],
  ["redirects", (_q: unknown, r: import("node:http").ServerResponse) => void r.writeHead(307, { location: "http://elsewhere.example" }).end(), "transport_error"],
  ["does not take our credential", (_q: unknown, r: import("node:http").ServerResponse) => void r.writeHead(401, { "www-authenticate": "Bearer" }).end(), "transport_error"],
] as const) {
  test(`an upstream that ${what} is answered for with 502`, async () => {
    await start();
    upstream.answer = answer;
    const response = await post(call());
    expect(response.status).toBe(502);
    expect(response.headers.has("www-authenticate")).toBe(false);
    expect(last()).toMatchObject({ outcome });
  });
}

test("an upstream's own refusal passes as it is", async () => {
  await start();
  const body = { jsonrpc: "2.0", id: 1, error: { code: -32022, message: "Unsupported", data: { supported: ["2025-11-25"] } } };
  upstream.answer = (_request, response) => answerJson(response, body, 400);
  const response = await post(call());
  expect(response.status).toBe(400);
  expect(await response.json()).toEqual(body);
  expect(last()).toMatchObject({ outcome: "rpc_error", rpcCode: "-32022", upstreamStatus: 400, httpStatus: 400 });
});

test("a tool's own failure is told from success, in a large result too", async () => {
  await start();
  const text = "word ".repeat(100_000);
  upstream.answer = (request, response) => answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: { content: [{ type: "text", text }], isError: true } });
  expect(await (await post(call())).text()).toContain(text);
  expect(last()).toMatchObject({ outcome: "tool_error", errorType: "tool_error" });
  expect(last().resultBytes).toBeGreaterThan(500_000);
});

test("a result that is too large is not passed on", async () => {
  await start({ config: { maxResultBytes: 10_000 } });
  upstream.answer = (request, response) => answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: { text: "x".repeat(20_000) } });
  expect((await post(call())).status).toBe(502);
  expect(last()).toMatchObject({ outcome: "transport_error", errorType: "result_too_large" });
});

test("events pass at once, the final one when its record is durable", async () => {
  await start();
  const progress = 'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}\n\n';
  const final = 'data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n';
  const goOn = Promise.withResolvers<void>();
  const disk = Promise.withResolvers<void>();
  proxy.audit.hold = disk.promise;
  upstream.answer = (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(progress);
    void goOn.promise.then(() => response.end(final));
  };
  const response = await post(call());
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader.read()).value).toBe(progress);
  expect(proxy.audit.records).toHaveLength(0);
  goOn.resolve();
  const rest = reader.read();
  await proxy.audit.recorded((r) => r.outcome === "ok");
  const winner = await Promise.race([rest.then(() => "event"), new Promise((resolve) => setImmediate(() => resolve("nothing")))]);
  expect(winner).toBe("nothing");
  disk.resolve();
  expect((await rest).value).toBe(final);
  expect((await reader.read()).done).toBe(true);
  expect(last()).toMatchObject({ outcome: "ok", resultBytes: progress.length + final.length });
});

test("a stream that ends without an answer is not a success", async () => {
  await start();
  upstream.answer = (_request, response) => response.writeHead(200, { "content-type": "text/event-stream" }).end(": nothing\n\n");
  expect(await (await post(call())).text()).toBe(": nothing\n\n");
  expect(last()).toMatchObject({ outcome: "transport_error", errorType: "stream_ended" });
});

test("an answer that comes on a later stream has a record of its own", async () => {
  await start();
  upstream.answer = (_request, response) => response.writeHead(200, { "content-type": "text/event-stream" }).end('data: {"jsonrpc":"2.0","id":7,"result":{"isError":true}}\n\n');
  const response = await fetch(proxy.url, { headers: { ...asAlice, accept: "text/event-stream" } });
  expect(await response.text()).toContain('"id":7');
  expect(proxy.audit.records).toMatchObject([
    { method: "transport/stream", rpcId: "7", outcome: "tool_error" },
    { method: "transport/stream", rpcId: "", outcome: "ok" },
  ]);
});

test("a session is its owner's alone", async () => {
  await start();
  upstream.answer = (request, response) =>
    response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "up-1" }).end(JSON.stringify({ jsonrpc: "2.0", id: idOf(request), result: {} }));
  const begun = await post({ jsonrpc: "2.0", id: 0, method: "initialize", params: { protocolVersion: "2025-11-25", clientInfo: { name: "tester", version: "9" }, capabilities: {} } });
  const session = begun.headers.get("mcp-session-id") ?? "";
  expect(session).toMatch(/^up-1\..{22}$/);
  expect(last()).toMatchObject({ method: "initialize", protocolVersion: "2025-11-25", clientName: "tester", clientVersion: "9", sessionId: "up-1" });

  expect((await post(call(), { ...asAlice, "mcp-session-id": session })).status).toBe(200);
  expect(upstream.requests.at(-1)?.headers["mcp-session-id"]).toBe("up-1");
  for (const stolen of [session, "up-1"]) {
    const refused = await post(call(), { ...(stolen === session ? asBob : asAlice), "mcp-session-id": stolen });
    expect(refused.status).toBe(404);
    expect(last()).toMatchObject({ reason: "session_mismatch", outcome: "denied" });
  }
  expect(upstream.requests).toHaveLength(2);

  upstream.answer = (_request, response) => response.writeHead(200).end();
  expect((await fetch(proxy.url, { method: "DELETE", headers: { ...asAlice, "mcp-session-id": session } })).status).toBe(200);
  expect(last()).toMatchObject({ method: "transport/session-end", outcome: "ok", sessionId: "up-1" });
});

test("trace context: the caller's span is the parent, ours goes on, in the message only where the revision has it", async () => {
  await start();
  const traceId = "a".repeat(32);
  const inbound = `00-${traceId}-${"b".repeat(16)}-00`;
  await post({ ...modernCall, params: { ...modernCall.params, _meta: { ...modernMeta, traceparent: inbound } } }, { ...asAlice, ...modernHeaders });
  const record = last();
  expect(record).toMatchObject({ traceId, parentSpanId: "b".repeat(16), outcome: "ok" });
  const ours = `00-${traceId}-${record.upstreamSpanId}-01`;
  const sent = upstream.requests[0]!;
  expect(sent.headers.traceparent).toBe(ours);
  expect(JSON.parse(sent.body)).toMatchObject({ params: { _meta: { traceparent: ours } } });

  await post(call());
  expect(upstream.requests[1]?.headers.traceparent).toContain(last().upstreamSpanId);
  expect(upstream.requests[1]?.body).not.toContain("traceparent");
});

test("a call to a high-risk server is written ahead, and settled with its record", async () => {
  await start({ entry: { riskTier: "high" } });
  let settledBefore: boolean | undefined;
  upstream.answer = (request, response) => {
    settledBefore = proxy.audit.intents[0]?.settled;
    answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: {} });
  };
  await post(call());
  expect(settledBefore).toBe(false);
  expect(proxy.audit.intents).toMatchObject([{ settled: true, draft: { outcome: "interrupted", tool: "read" } }]);
});

test("notifications and answers of clients are recorded as what they are", async () => {
  await start();
  upstream.answer = (_request, response) => response.writeHead(202).end();
  expect((await post({ jsonrpc: "2.0", method: "notifications/initialized" })).status).toBe(202);
  expect(last()).toMatchObject({ method: "notifications/initialized", rpcId: "", outcome: "ok" });
  expect((await post({ jsonrpc: "2.0", id: 5, result: {} })).status).toBe(202);
  expect(last()).toMatchObject({ method: "response", rpcId: "5", outcome: "ok" });
});

test("a worker that stops ends what is under way, each call with its record", async () => {
  await start();
  const arrived = Promise.withResolvers<void>();
  upstream.answer = () => arrived.resolve();
  const response = post(call());
  await arrived.promise;
  await proxy.drain(50);
  expect((await response).status).toBe(503);
  expect(last()).toMatchObject({ outcome: "interrupted", errorType: "shutdown" });
  expect((await post(call())).status).toBe(503);
});
