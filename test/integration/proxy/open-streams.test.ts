import { afterEach, beforeEach, expect, test } from "vitest";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { createKey } from "../../../proxy/identity/keys-file.ts";
import { httpServer, startProxyApp, type TestProxy, type TestProxyOptions } from "../../support/proxy-app.ts";
import { startStubUpstream, type StubUpstream } from "../../support/stub-upstream.ts";
import { policySet } from "../../unit/policy/rules.ts";

const { key, entry } = createKey({ agent: "build", principal: "build", nowMs: Date.now() });
const policies = policySet({ id: "all", effect: "allow", match: { agents: ["build"], methods: ["*"] } });
const rollout = (lifecycle: string) => ({ rollout: [{ version: "2.0.0", weight: 100, lifecycle, endpoint: { transport: "streamable-http", url: upstream.url } }] });

let upstream: StubUpstream;
let proxy: TestProxy;
beforeEach(async () => {
  upstream = await startStubUpstream();
  upstream.answer = (_request, response) => void response.writeHead(200, { "content-type": "text/event-stream" }).write(": open\n\n");
});
afterEach(async () => {
  await proxy.stop();
  await upstream.stop();
});

async function start(more: Partial<TestProxyOptions> = {}, first: object = {}): Promise<void> {
  proxy = await startProxyApp({ servers: [httpServer(upstream.url, first as Record<string, unknown>)], policies, keys: [entry], config: { streamCheckMs: 20 }, ...more });
}

const modern = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };

/** The stream of a session, and that of a listener, each opened through the proxy. */
const opened = {
  session: () => fetch(proxy.url, { headers: { "x-api-key": key, accept: "text/event-stream" } }),
  listener: (uris: readonly string[] = []) =>
    fetch(proxy.url, {
      method: "POST",
      headers: { "x-api-key": key, "content-type": "application/json", accept: "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "subscriptions/listen", params: { notifications: { resourceSubscriptions: uris }, _meta: modern } }),
    }),
};

async function ends(response: Response): Promise<void> {
  const reader = response.body!.getReader();
  while (!(await reader.read().catch(() => ({ done: true }))).done);
}

test.each<{ name: string; change: () => Parameters<TestProxy["change"]>[0]; reason: string; first?: () => object }>([
  { name: "its server is retired", change: () => ({ servers: [httpServer(upstream.url, { lifecycle: "retired" })] }), reason: "server_retired" },
  { name: "its server is gone from the registry", change: () => ({ servers: [httpServer(upstream.url, { name: "other" })] }), reason: "unknown_server" },
  { name: "the version that it is open to is retired", first: () => rollout("approved"), change: () => ({ servers: [httpServer(upstream.url, rollout("retired"))] }), reason: "server_retired" },
  { name: "its server is approved for other kinds of task", change: () => ({ servers: [httpServer(upstream.url, { taskClasses: ["billing"] })] }), reason: "task_class_not_approved" },
  { name: "a rule denies it", change: () => ({ policies: policySet({ id: "no", effect: "deny", match: { agents: ["build"], methods: ["*"] } }) }), reason: "rule" },
  { name: "its key is limited to another server", change: () => ({ keys: [{ ...entry, servers: ["other"] }] }), reason: "out_of_scope" },
  { name: "its key is gone", change: () => ({ keys: [] }), reason: "unauthenticated" },
])("an open stream ends when $name", async ({ change, reason, first }) => {
  await start({}, first?.());
  const streams = await Promise.all([opened.session(), opened.listener()]);
  expect(streams.map(({ status }) => status)).toEqual([200, 200]);
  proxy.change(change());
  await Promise.all(streams.map(ends));
  for (const method of ["transport/stream", "subscriptions/listen"]) {
    expect(await proxy.audit.recorded((record) => record.method === method)).toMatchObject({ outcome: "interrupted", errorType: reason });
  }
});

test("an open stream ends with the last day of its server, though nothing was changed", async () => {
  const clock = manualClock(Date.UTC(2027, 0, 1, 12));
  await start({ clock }, { lifecycle: "deprecated", sunset: "2027-01-01" });
  const stream = await opened.session();
  expect(stream.status).toBe(200);
  clock.advanceMs(12 * 3_600_000);
  await ends(stream);
  expect(await proxy.audit.recorded((record) => record.method === "transport/stream")).toMatchObject({ outcome: "interrupted", errorType: "server_sunset" });
});

test("listening to a resource ends when it may not be read any more, and listening to another one goes on", async () => {
  const reads = (...resources: string[]) => policySet({ id: "reads", effect: "allow", match: { agents: ["build"], methods: ["resources/read"], resources } });
  await start({ policies: reads("file:///a", "file:///b") });
  const [a, b] = await Promise.all([opened.listener(["file:///a"]), opened.listener(["file:///b"])]);
  expect([a.status, b.status]).toEqual([200, 200]);
  proxy.change({ policies: reads("file:///b") });
  await ends(a);
  expect(await proxy.audit.recorded((record) => record.method === "subscriptions/listen")).toMatchObject({ outcome: "interrupted", errorType: "no_rule" });
  // The other one is asked about in the same turn, and has no record because it is open.
  expect(proxy.audit.records.filter(({ method }) => method === "subscriptions/listen")).toHaveLength(1);
  await b.body!.cancel();
});
