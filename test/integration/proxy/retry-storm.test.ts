import { afterEach, beforeEach, expect, test } from "vitest";
import { shiftedClock, systemClock } from "../../../collector/kernel/clock.ts";
import { callRecordSchema, type DraftRecord } from "../../../collector/record/call-record.ts";
import { systemActor } from "../../../proxy/state/command.ts";
import { asAlice, asBob, httpServer, startProxyApp, type TestProxy, type TestProxyOptions } from "../../support/proxy-app.ts";
import { startStubUpstream, type StubUpstream } from "../../support/stub-upstream.ts";

let upstream: StubUpstream;
let proxy: TestProxy;
let laterMs: number;

beforeEach(async () => {
  upstream = await startStubUpstream();
  laterMs = 0;
});
afterEach(async () => {
  await proxy.stop();
  await upstream.stop();
});

async function start(options: Partial<TestProxyOptions> = {}, entry: Record<string, unknown> = {}): Promise<void> {
  proxy = await startProxyApp({
    servers: [httpServer(upstream.url, entry), httpServer(upstream.url, { name: "vault", riskTier: "high" })],
    decide: ({ tool }) => (tool === "drop" ? { decision: "deny", policyIds: ["no-drops"], message: "Nothing is dropped here." } : {}),
    clock: shiftedClock(systemClock, () => laterMs),
    ...options,
  });
}

let id = 0;
function call(tool: string, headers: Record<string, string> = asAlice, url = proxy.url): Promise<Response> {
  const body = { jsonrpc: "2.0", id: ++id, method: "tools/call", params: { name: tool, arguments: { n: id } } };
  return fetch(url, { method: "POST", headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers }, body: JSON.stringify(body) });
}

/** So many calls, a few at a time, as clients in a loop send them. Returns what each was told. */
async function storm(calls: number, one: () => Promise<Response> = () => call("drop")): Promise<string[]> {
  const told: string[] = [];
  let left = calls;
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (left-- > 0) told.push(await (await one()).text());
  }));
  return told;
}

const denied = (which: (record: DraftRecord) => boolean = () => true) => proxy.audit.records.filter((r) => r.decision === "deny" && which(r));
const attempts = (records: readonly DraftRecord[]) => records.reduce((sum, r) => sum + r.attempts, 0);

test("a retry storm is refused call by call and on record in few records, none of its calls left out; then each has its own again", async () => {
  await start();
  const told = await storm(200);
  expect(told.filter((text) => text.includes("Denied by policy: Nothing is dropped here."))).toHaveLength(200);
  await proxy.audit.recorded(() => attempts(denied()) === 200);
  // 20 and those that were under way, then one a second.
  expect(denied().length).toBeLessThan(60);
  expect(denied().every((r) => r.policyIds[0] === "no-drops" && r.tool === "drop" && r.agent === "alice")).toBe(true);
  for (const record of denied()) expect(callRecordSchema.omit({ producer: true, seq: true, prevHash: true, hash: true }).parse(record)).toEqual(record);

  laterMs += 11_000;
  const before = denied().length;
  expect(await (await call("drop")).text()).toMatch(/Call id: memory-\d+\./);
  expect(denied().slice(before).map((r) => r.attempts)).toEqual([1]);
});

test("who repeats is told which call it repeats, which is on record, and gets no id that is not", async () => {
  await start();
  const told = await storm(60);
  const own = told.flatMap((text) => /Call id: memory-(\d+)\./.exec(text)?.[1] ?? []);
  const repeated = told.flatMap((text) => /This repeats call memory-(\d+), and is counted/.exec(text)?.[1] ?? []);
  expect(own.length + repeated.length).toBe(60);
  for (const seq of repeated) expect(proxy.audit.records[Number(seq) - 1]).toMatchObject({ tool: "drop", outcome: "denied", attempts: 1 });
});

test("others, other tools and allowed calls keep their own records in the middle of a storm", async () => {
  await start();
  await storm(40);
  await call("read");
  await call("drop", asBob);
  await call("drop");
  expect(denied((r) => r.agent === "bob").map((r) => r.attempts)).toEqual([1]);
  expect(proxy.audit.records.filter((r) => r.tool === "read").map((r) => [r.decision, r.attempts])).toEqual([["allow", 1]]);
});

test("refusals of the transport and of a stop are counted as well, those of a high-risk server never", async () => {
  await start();
  const vault = proxy.url.replace(/fixture$/, "vault");
  const unknown = await storm(50, () => call("read", { authorization: "Bearer nobody" }));
  expect(unknown.map((text) => (JSON.parse(text) as { error: { data: { reason: string } } }).error.data.reason)).toEqual(Array.from({ length: 50 }, () => "unauthenticated"));
  expect(unknown.filter((text) => text.includes('"repeats":"memory-')).length).toBeGreaterThan(0);
  await proxy.control.submit({ kind: "stop.set", scope: { agent: "alice" }, reason: "looking into it" }, systemActor);
  await storm(50, () => call("read"));
  await storm(50, () => call("drop", asAlice, vault));
  await storm(50, () => call("read", { authorization: "Bearer nobody" }, vault));
  await proxy.audit.recorded(() => attempts(denied()) === 200);
  expect(denied((r) => r.server === "vault")).toHaveLength(100);
  for (const reason of ["unauthenticated", "stopped"]) {
    const those = denied((r) => r.server === "fixture" && r.reason === reason);
    expect([attempts(those), those.length < 50], reason).toEqual([50, true]);
  }
});

test("a proxy that is closed in the middle of a storm has all of it on record", async () => {
  await start();
  const told = await storm(120);
  await proxy.stop();
  expect([told.length, attempts(denied())]).toEqual([120, 120]);
});

test("the breaker can be set, and switched off", async () => {
  await start({ config: { denialBreaker: { denials: 2 } } });
  const told: string[] = [];
  for (let i = 0; i < 5; i++) told.push(await (await call("drop")).text());
  expect(told.map((text) => text.includes("This repeats call memory-2"))).toEqual([false, false, true, true, true]);
  await proxy.stop();
  expect(attempts(denied())).toBe(5);
  await start({ config: { denialBreaker: false } });
  await storm(60);
  expect(denied().map((r) => r.attempts)).toEqual(Array.from({ length: 60 }, () => 1));
});
