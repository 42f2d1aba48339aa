import { afterEach, beforeEach, expect, test } from "vitest";
import { createKey } from "../../../proxy/identity/keys-file.ts";
import { httpServer, startProxyApp, type TestProxy } from "../../support/proxy-app.ts";
import { answerJson, idOf, startStubUpstream, type StubUpstream } from "../../support/stub-upstream.ts";

const made = (more: object = {}) => createKey({ agent: "build", principal: "build", nowMs: Date.now(), ...more });
const keys = { free: made(), some: made({ servers: ["tickets"], tools: ["search", "read"], taskClass: "triage" }), one: made({ tools: ["read"] }) };

let upstream: StubUpstream;
let proxy: TestProxy;
beforeEach(async () => {
  upstream = await startStubUpstream();
  const tools = { search: { effect: "read" }, read: { effect: "read" }, write: { effect: "write" } };
  proxy = await startProxyApp({
    servers: [httpServer(upstream.url, { name: "tickets", tools }), httpServer(upstream.url, { name: "files", tools }), httpServer(upstream.url, { name: "bills", tools, taskClasses: ["billing"] })],
    keys: Object.values(keys).map(({ entry }) => entry),
    config: { denialBreaker: false },
  });
});
afterEach(async () => {
  await proxy.stop();
  await upstream.stop();
});

async function send(key: string, server: string, method: string, params: object): Promise<{ error?: { message: string }; result?: { isError?: boolean; content?: { text: string }[]; tools?: { name: string }[] } }> {
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream", "x-api-key": key };
  const response = await fetch(`${proxy.baseUrl}/mcp/${server}`, { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }) });
  return (await response.json()) as Awaited<ReturnType<typeof send>>;
}

const call = async (key: { key: string }, server: string, tool: string) => {
  const { result } = await send(key.key, server, "tools/call", { name: tool, arguments: {} });
  const { decision, reason } = proxy.audit.records.at(-1)!;
  return { decision, reason, said: result?.content?.[0]?.text.split("\n")[0] };
};

test("a key is for its servers and tools, whatever the rules allow, and the refusal says which key it is and what it is for", async () => {
  const { id } = keys.some.entry;
  expect(await call(keys.free, "files", "write")).toMatchObject({ decision: "allow" });
  expect(await call(keys.some, "tickets", "search")).toMatchObject({ decision: "allow" });
  expect(await call(keys.some, "tickets", "write")).toEqual({ decision: "deny", reason: "out_of_scope", said: `Denied by policy: Key ${id} is for the tools search, read alone.` });
  expect(await call(keys.some, "files", "read")).toEqual({ decision: "deny", reason: "out_of_scope", said: `Denied by policy: Key ${id} is for the servers tickets alone.` });
  expect(await call(keys.one, "files", "read")).toMatchObject({ decision: "allow" });
  expect(await call(keys.some, "bills", "read")).toMatchObject({ decision: "deny" });
  expect(upstream.requests).toHaveLength(3);
});

test("who is refused a tool is told of those that the key is for, and lists hold no others", async () => {
  upstream.answer = (request, response) => answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: { tools: ["search", "read", "write"].map((name) => ({ name, inputSchema: { type: "object" } })) } });
  expect((await send(keys.some.key, "tickets", "tools/list", {})).result!.tools!.map(({ name }) => name)).toEqual(["search", "read"]);
  const { result } = await send(keys.some.key, "tickets", "tools/call", { name: "write", arguments: {} });
  expect(result!.content![0]!.text).toContain("Tools of this server that you may call, some with conditions: search, read.");
});

test("a task that a key opens reaches no further than the key", async () => {
  const open = (body: object) =>
    fetch(`${proxy.baseUrl}/v1/tasks`, { method: "POST", headers: { "content-type": "application/json", "x-api-key": keys.some.key }, body: JSON.stringify(body) });
  const opened = await open({});
  expect(opened.status).toBe(201);
  const { task, token } = (await opened.json()) as { task: { taskId: string }; token: string };
  expect(task).toMatchObject({ class: "triage", servers: ["tickets"], tools: ["search", "read"] });
  expect(await call({ key: token }, "tickets", "write")).toEqual({ decision: "deny", reason: "task_scope", said: `Denied by policy: Task ${task.taskId} is for the tools search, read alone.` });
  expect((await open({ tools: ["write"] })).status).toBe(403);
  expect((await open({ class: "billing" })).status).toBe(403);
});
