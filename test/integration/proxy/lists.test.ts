import { afterEach, beforeEach, expect, test } from "vitest";
import { systemActor } from "../../../proxy/state/command.ts";
import { policySet } from "../../unit/policy/rules.ts";
import { asAlice, asBob, httpServer, startProxyApp, type TestProxy } from "../../support/proxy-app.ts";
import { answerJson, idOf, startStubUpstream, type StubUpstream } from "../../support/stub-upstream.ts";

let upstream: StubUpstream;
let proxy: TestProxy;

const policies = policySet(
  { id: "small", effect: "allow", match: { tools: ["query"] }, when: "args.limit <= 100" },
  { id: "notes", effect: "allow", match: { tools: ["notes.*"], agents: ["alice"] } },
  { id: "pay", effect: "hold", match: { tools: ["pay"] } },
  { id: "drop", effect: "deny", match: { tools: ["drop"] } },
  { id: "drop-anyway", effect: "allow", match: { tools: ["drop"] } },
  { id: "greet", effect: "allow", match: { methods: ["prompts/get"], prompts: ["greeting"] } },
  { id: "open", effect: "allow", match: { methods: ["resources/read"], resources: ["file:///open/*"] } },
);
const tool = (name: string) => ({ name, inputSchema: { type: "object" } });
const lists: Record<string, Record<string, unknown>> = {
  "tools/list": { tools: ["query", "notes.add", "pay", "drop", "unknown"].map(tool), nextCursor: "page-2", resultType: "complete", ttlMs: 3_600_000, cacheScope: "public" },
  "prompts/list": { prompts: [{ name: "greeting" }, { name: "secret" }] },
  "resources/list": { resources: [{ uri: "file:///open/a", name: "a" }, { uri: "file:///closed/b", name: "b" }, { name: "nameless" }] },
  "resources/templates/list": { resourceTemplates: [{ uriTemplate: "file:///open/{name}", name: "o" }, { uriTemplate: "file:///closed/{name}", name: "c" }, { uriTemplate: "file:///{+path}", name: "any" }] },
};

async function start(entry: Record<string, unknown> = {}): Promise<void> {
  proxy = await startProxyApp({ servers: [httpServer(upstream.url, entry)], policies });
}
beforeEach(async () => {
  upstream = await startStubUpstream();
  upstream.answer = (request, response) => answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: lists[(JSON.parse(request.body) as { method: string }).method] });
});
afterEach(async () => {
  await proxy.stop();
  await upstream.stop();
});

async function list(method: string, headers: Record<string, string> = asAlice): Promise<Record<string, unknown>> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method });
  const response = await fetch(proxy.url, { method: "POST", headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers }, body });
  const text = await response.text();
  const data = text.startsWith("{") ? text : (/^data: (.*)$/m.exec(text)?.[1] ?? "{}");
  return (JSON.parse(data) as { result?: Record<string, unknown> }).result ?? JSON.parse(data) as Record<string, unknown>;
}
const namesIn = (items: unknown): string[] => (items as { name: string }[]).map(({ name }) => name);
const tools = async (headers = asAlice): Promise<string[]> => namesIn((await list("tools/list", headers)).tools);

test("a list of tools holds what its reader may call with some arguments or with a person's consent, and no more", async () => {
  await start();
  expect(await tools()).toEqual(["query", "notes.add", "pay"]);
  expect(await tools(asBob)).toEqual(["query", "pay"]);
  expect(proxy.audit.records.at(-1)).toMatchObject({ method: "tools/list", decision: "allow", handling: "pass", handlingFindings: ["list:hidden"] });
});

test("pages stay as they are cut, and nobody else may be given what one caller may see", async () => {
  await start();
  expect(await list("tools/list")).toMatchObject({ nextCursor: "page-2", cacheScope: "private", ttlMs: 60_000, resultType: "complete" });
  const old = await list("prompts/list");
  expect(old).not.toHaveProperty("cacheScope");
});

test("prompts, resources and templates are filtered as tools are", async () => {
  await start();
  expect(namesIn((await list("prompts/list")).prompts)).toEqual(["greeting"]);
  expect(namesIn((await list("resources/list")).resources)).toEqual(["a"]);
  expect(namesIn((await list("resources/templates/list")).resourceTemplates)).toEqual(["o", "any"]);
});

test("a list that comes as an event is filtered too", async () => {
  await start();
  upstream.answer = (request, response) => void response.writeHead(200, { "content-type": "text/event-stream" }).end(`data: ${JSON.stringify({ jsonrpc: "2.0", id: idOf(request), result: lists["tools/list"] })}\n\n`);
  expect(await tools()).toEqual(["query", "notes.add", "pay"]);
});

test("stops, exceptions and a task's tools count as they do for a call", async () => {
  await start();
  await proxy.control.submit({ kind: "stop.set", scope: { tool: "query" }, reason: "looking into it" }, systemActor);
  await proxy.control.submit({ kind: "exception.grant", scope: { agent: "alice", server: "fixture", tool: "drop" }, reason: "migration", expiresInMs: 60_000 }, systemActor);
  expect(await tools()).toEqual(["notes.add", "pay", "drop"]);
  const opened = await fetch(`${proxy.baseUrl}/v1/tasks`, { method: "POST", headers: { ...asAlice, "content-type": "application/json" }, body: JSON.stringify({ class: "x", servers: ["fixture"], tools: ["pay"] }) });
  const { token } = (await opened.json()) as { token: string };
  expect(await tools({ authorization: `Bearer ${token}` })).toEqual(["pay"]);
});

test("a server that is only observed shows everything", async () => {
  await start({ mode: "observe" });
  expect(await tools()).toEqual(["query", "notes.add", "pay", "drop", "unknown"]);
});

test("a list that can be read in two ways is shown in the one that was judged, and one that cannot be read is not shown", async () => {
  await start();
  upstream.answer = (request, response) => void response.writeHead(200, { "content-type": "application/json" }).end(`{"jsonrpc":"2.0","id":${JSON.stringify(idOf(request))},"result":{"prompts":[{"name":"secret"}],"prompts":[{"name":"greeting"}]}}`);
  expect(namesIn((await list("prompts/list")).prompts)).toEqual(["greeting"]);
  upstream.answer = (request, response) => void response.writeHead(200, { "content-type": "application/json" }).end(`{"jsonrpc":"2.0","id":${JSON.stringify(idOf(request))},"error":{},"result":{"prompts":[{"name":"secret"}]}}`);
  expect(JSON.stringify(await list("prompts/list"))).not.toContain("secret");
  expect(proxy.audit.records.at(-1)).toMatchObject({ handling: "block", handlingFindings: ["unreadable"] });
  upstream.answer = (request, response) => void response.writeHead(200, { "content-type": "application/json" }).end(`{"jsonrpc":"2.0","id":${JSON.stringify(idOf(request))},"result":{"prompts":[],"deep":${"[".repeat(20_000)}${"]".repeat(20_000)}}}`);
  await list("prompts/list");
  expect(proxy.audit.records.at(-1)).toMatchObject({ handling: "block", handlingFindings: ["unreadable"] });
});

test("once a tool was listed, calls of the newest revision must repeat in headers what its definition says, and others need not", async () => {
  await start();
  const region = { type: "string", "x-mcp-header": "Region" };
  upstream.answer = (request, response) => answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: { tools: [{ name: "notes.add", inputSchema: { type: "object", properties: { region } } }], content: [] } });
  const meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };
  const call = async (headers: Record<string, string>, isModern = true): Promise<number> => {
    const modern = !isModern ? {} : { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "notes.add" };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "notes.add", arguments: { region: "eu" }, ...(isModern ? { _meta: meta } : {}) } });
    const response = await fetch(proxy.url, { method: "POST", headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...asAlice, ...modern, ...headers }, body });
    await response.text();
    return response.status;
  };
  expect(await call({ "mcp-param-region": "us" })).toBe(200);
  await list("tools/list");
  expect(await call({ "mcp-param-region": "us" })).toBe(400);
  expect(proxy.audit.records.at(-1)).toMatchObject({ tool: "notes.add", decision: "deny", reason: "header_mismatch", httpStatus: 400 });
  expect(await call({})).toBe(400);
  expect(await call({ "mcp-param-region": "eu" })).toBe(200);
  expect(await call({ "mcp-param-region": "us" }, false)).toBe(200);
});

test("what a caller may not get or read it may not complete, subscribe to or listen for, and the record says what it asked about", async () => {
  await start();
  upstream.answer = (request, response) => answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: {} });
  const send = async (method: string, params: Record<string, unknown>): Promise<unknown> => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const response = await fetch(proxy.url, { method: "POST", headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...asAlice }, body });
    const { result, error } = (await response.json()) as { result?: unknown; error?: { data: { reason: string } } };
    return result === undefined ? error?.data.reason : "ok";
  };
  const completion = (ref: Record<string, unknown>) => send("completion/complete", { ref, argument: { name: "a", value: "" } });
  expect(await completion({ type: "ref/prompt", name: "greeting" })).toBe("ok");
  expect(proxy.audit.records.at(-1)).toMatchObject({ method: "completion/complete", prompt: "greeting" });
  expect(await completion({ type: "ref/prompt", name: "secret" })).toBe("no_rule");
  expect(await completion({ type: "ref/resource", uri: "file:///open/{name}" })).toBe("ok");
  expect(await completion({ type: "ref/resource", uri: "file:///closed/{name}" })).toBe("no_rule");
  expect(await completion({ type: "ref/other" })).toBe("malformed");
  expect(await send("resources/subscribe", { uri: "file:///open/a" })).toBe("ok");
  expect(await send("resources/subscribe", { uri: "file:///closed/a" })).toBe("no_rule");
  expect(await send("subscriptions/listen", { notifications: { toolsListChanged: true } })).toBe("ok");
  expect(await send("subscriptions/listen", { notifications: { resourceSubscriptions: ["file:///open/a", "file:///open/b"] } })).toBe("ok");
  expect(await send("subscriptions/listen", { notifications: { resourceSubscriptions: ["file:///open/a", "file:///closed/b"] } })).toBe("no_rule");
  expect(await send("subscriptions/listen", { notifications: { resourceSubscriptions: [1] } })).toBe("malformed");
});
