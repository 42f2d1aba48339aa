import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeImport, importSpans, type ImportReport } from "../../../collector/import/import-spans.ts";
import { clear, startTestStore, type TestStore } from "../analytics/seed.ts";
import { fourSides, gateways, insertSpans, noCalls } from "./spans.ts";

let on: TestStore;
const until = Date.parse("2026-04-01T00:00:00Z");
const run = (options: Partial<Parameters<typeof importSpans>[0]> = {}): Promise<ImportReport> =>
  importSpans({ store: on.store, database: "signalbox", table: "otel_traces", sinceMs: null, untilMs: until, dryRun: false, ...options });
const callOf = async (spanId: string): Promise<Record<string, unknown> | undefined> => (await on.store.query<Record<string, unknown>>("SELECT *, call_id FROM calls WHERE span_id = {id:String}", { id: spanId }))[0];
const total = async (table: string): Promise<number> => (await on.store.query<{ n: number }>(`SELECT toUInt32(${table === "calls" ? "count()" : "sum(calls)"}) AS n FROM ${table}`))[0]!.n;

let first: ImportReport;
beforeAll(async () => {
  on = await startTestStore();
  await insertSpans(on.store, [...Object.values(gateways), ...fourSides, ...noCalls]);
  const before = await run({ dryRun: true });
  expect(await total("calls")).toBe(0);
  first = await run();
  expect({ ...first, dryRun: true }).toEqual(before);
});
afterAll(() => on?.stop());

describe("each gateway's spans become calls, as far as their attributes go", () => {
  test.each([
    ["toolhive", { producer: "import:toolhive-mcp-proxy", server: "fetch", tool: "fetch", method: "tools/call", rpc_id: "7", transport: "tcp", protocol_version: "2025-11-25", client_address: "10.1.2.3", environment: "staging", outcome: "ok", decision: "", http_status: 200, request_bytes: "256", result_bytes: "1024", duration_us: "40000", upstream_us: null }],
    ["toolhiveLegacy", { server: "web", tool: "search", method: "tools/call", rpc_id: "3", transport: "pipe", outcome: "transport_error", http_status: 502, request_bytes: "99" }],
    ["agentgateway", { server: "github", tool: "create_issue", method: "tools/call", principal: "ana", client_address: "10.9.8.7:55012", outcome: "ok", duration_us: "12000" }],
    ["agentgatewayRefused", { server: "files", tool: "", method: "resources/read", resource_uri: "file:///etc/passwd", decision: "deny", outcome: "denied" }],
    ["hangar", { server: "math", tool: "add", method: "tools/call", agent: "planner", principal: "alice", decision: "allow", outcome: "ok" }],
    ["hangarBlocked", { server: "shell", tool: "rm", agent: "planner", decision: "deny", outcome: "denied", policy_ids: [] }],
    ["contextforge", { producer: "import:mcp-gateway", server: "gw-3", tool: "jira-search", method: "tools/call", outcome: "tool_error" }],
    ["olderConventions", { server: "crm.example.com", tool: "lookup", method: "tools/call", agent: "support-agent", rpc_id: "9", rpc_code: "-32603", outcome: "rpc_error", upstream_us: "8000" }],
  ] as const)("%s", async (name, expected) => {
    expect(await callOf(gateways[name].id)).toMatchObject({ basis: "imported", policy_version: "", ...expected });
  });

  test("arguments and session ids do not come along in clear", async () => {
    const all = JSON.stringify(await on.store.query("SELECT * FROM calls"));
    expect(all).not.toContain("secret.example.com");
    expect(all).not.toContain("session-in-clear");
    expect((await callOf("th1"))?.session_id).toMatch(/^[0-9a-f]{32}$/);
  });
});

test("a call that four programs saw is one call, with the upstream's time; the call that its server made is another", async () => {
  const rows = await on.store.query<Record<string, unknown>>("SELECT span_id, server, tool, agent, upstream_us FROM calls WHERE trace_id = 't4' ORDER BY ts");
  expect(rows).toEqual([
    { span_id: "s2", server: "github", tool: "github_create_issue", agent: "", upstream_us: "45000" },
    { span_id: "s5", server: "identity", tool: "whoami", agent: "github-mcp", upstream_us: "4000" },
  ]);
});

test("every span is accounted for, and the table says why", () => {
  const { read, mapped, skipped } = first;
  expect({ read, mapped, skipped }).toEqual({ read: 17, mapped: 10, skipped: { not_mcp: 3, own_record: 0, same_call: 3, imported_before: 0, repeated: 0, no_id: 1 } });
  expect(Object.values(first.services).reduce((a, b) => a + b)).toBe(10);
  const lines = describeImport(first);
  expect(lines[0]).toBe("17 spans of 1 day were read.");
  expect(lines).toContain("  became calls        10");
  expect(lines).toContain("  skipped: same_call   3  is another side of a call that is told by a span nearer to the caller");
});

test("a second run adds nothing, in the rollups too; a copy of a span and a span of another day are told apart", async () => {
  expect(await total("calls_1m")).toBe(10);
  const again = await run();
  expect([again.mapped, again.skipped.imported_before]).toEqual([0, 10]);
  await insertSpans(on.store, [gateways.toolhive, { ...gateways.hangar, at: "2026-03-04T00:00:00Z", id: "later" }, { ...gateways.hangar, at: "2026-03-04T00:00:00.5Z", id: "later" }]);
  const days: string[] = [];
  const third = await run({ sinceMs: Date.parse("2026-03-01T00:00:00Z"), onDay: ({ day, mapped }) => void days.push(`${day} ${mapped}`) });
  expect([third.mapped, third.skipped.imported_before, third.skipped.repeated]).toEqual([1, 11, 1]);
  expect(days).toEqual(["2026-03-02 0", "2026-03-04 1"]);
  expect([await total("calls"), await total("calls_1m")]).toEqual([11, 11]);
});

test("what was deleted can be imported anew", async () => {
  await clear(on.store);
  expect((await run()).mapped).toBe(11);
  expect([await total("calls"), await total("calls_1m")]).toEqual([11, 11]);
  expect(await callOf("mh1")).toMatchObject({ agent: "planner" });
});

test("spans may be in another database, and only those of the time are taken", async () => {
  await on.store.command("CREATE DATABASE other");
  await on.store.command("CREATE TABLE other.otel_traces AS otel_traces");
  const at = (time: string, id: string) => ({ ...gateways.agentgateway, at: time, id });
  await insertSpans(on.store, [at("2026-03-10T23:59:59Z", "o1"), at("2026-03-11T00:00:00Z", "o2"), at("2026-03-11T06:00:00Z", "o3")], "other.otel_traces");
  const report = await run({ database: "other", sinceMs: Date.parse("2026-03-11T00:00:00Z"), untilMs: Date.parse("2026-03-11T06:00:00Z") });
  expect([report.read, report.mapped]).toEqual([1, 1]);
  expect(await callOf("o2")).toMatchObject({ server: "github" });
});

test("it stops after a day when it is told to", async () => {
  const stop = new AbortController();
  const report = await run({ signal: stop.signal, dryRun: true, onDay: () => stop.abort() });
  expect([report.stopped, report.days]).toEqual([true, 1]);
});
