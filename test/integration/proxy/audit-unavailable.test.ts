import { afterEach, beforeEach, expect, test } from "vitest";
import { asAlice, asBob, httpServer, startProxyApp, type TestProxy } from "../../support/proxy-app.ts";
import { startStubUpstream, type StubUpstream } from "../../support/stub-upstream.ts";

let upstream: StubUpstream;
let proxy: TestProxy;

const tiers = ["low", "medium", "high"] as const;

async function start(whenAuditUnavailable?: Record<string, string>): Promise<void> {
  proxy = await startProxyApp({
    servers: [...tiers.map((riskTier) => httpServer(upstream.url, { name: riskTier, riskTier })), httpServer(upstream.url, { name: "untold" })],
    decide: ({ tool }) => (tool === "drop" ? { decision: "deny", policyIds: ["no-drops"], message: "Nothing is dropped here." } : {}),
    ...(whenAuditUnavailable ? { config: { whenAuditUnavailable } } : {}),
  });
}

beforeEach(async () => {
  upstream = await startStubUpstream();
});
afterEach(async () => {
  await proxy.stop();
  await upstream.stop();
});

let id = 0;
async function call(server: string, tool = "echo", headers: Record<string, string> = asAlice): Promise<{ status: number; text: string }> {
  const body = { jsonrpc: "2.0", id: ++id, method: "tools/call", params: { name: tool, arguments: {} } };
  const response = await fetch(`${proxy.baseUrl}/mcp/${server}`, { method: "POST", headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers }, body: JSON.stringify(body) });
  return { status: response.status, text: await response.text() };
}

test("while nothing can be recorded every tier is blocked unless the configuration says otherwise, with a reason of its own", async () => {
  await start();
  proxy.audit.available = false;
  for (const server of [...tiers, "untold"]) {
    const { status, text } = await call(server);
    expect({ status, reason: (JSON.parse(text) as { error: { data: { reason: string } } }).error.data.reason }).toEqual({ status: 503, reason: "audit_unavailable" });
  }
  expect(proxy.audit.unrecorded).toEqual([]);
  expect(proxy.audit.records).toEqual([]);
});

test("a tier that continues has its calls answered and counted, denied ones too, and the others stay blocked", async () => {
  await start({ low: "continue", high: "continue" });
  proxy.audit.available = false;
  expect((await call("low")).status).toBe(200);
  expect((await call("low", "echo", asBob)).status).toBe(200);
  const denied = await call("low", "drop");
  expect(denied.text).toContain("Denied by policy: Nothing is dropped here.");
  expect(denied.text).not.toContain("Call id");
  expect((await call("high")).status).toBe(200);
  expect((await call("medium")).status).toBe(503);
  expect((await call("low", "echo", { authorization: "Bearer nobody" })).status).toBe(503);
  expect(proxy.audit.unrecorded.map(({ server, agent, decision }) => `${server} ${agent} ${decision}`)).toEqual(["low alice allow", "low bob allow", "low alice deny", "high alice allow"]);
  expect(proxy.audit.records).toEqual([]);

  proxy.audit.available = true;
  expect((await call("low")).status).toBe(200);
  expect(proxy.audit.records).toHaveLength(1);
  expect(proxy.audit.unrecorded).toHaveLength(4);
});

test("a record that does not reach the disk withholds the answer, or is counted under its number", async () => {
  await start({ low: "continue" });
  proxy.audit.hold = Promise.reject(new Error("no space left on device"));
  proxy.audit.hold.catch(() => {});
  expect((await call("medium")).status).toBe(503);
  expect((await call("low")).status).toBe(200);
  expect(proxy.audit.unrecorded.map(({ server }) => server)).toEqual(["low"]);
});
