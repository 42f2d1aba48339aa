import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeImport, importSpans, type ImportReport } from "../../../collector/import/import-spans.ts";
import { verify } from "../../../collector/audit/verify.ts";
import { systemClock } from "../../../collector/kernel/clock.ts";
import { loadSql } from "../../../collector/store/sql-file.ts";
import { computeMetrics, jobs, runJobsOver } from "../../../analytics/index.ts";
import { explainCall } from "../../../dashboards/index.ts";
import { signalbox } from "../../support/run-command.ts";
import { clear, hour, insertCalls, minute, startTestStore, type SeedCall, type TestStore } from "../analytics/seed.ts";
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
  // A busy day is cut into parts, and the same comes of it.
  expect(await run({ dryRun: true, spansPerStatement: 1 })).toEqual(before);
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

describe("what rests on the proxy's own record", () => {
  const fromMs = Date.parse("2026-03-02T00:00:00Z");
  const period = { fromMs, toMs: fromMs + 7 * 24 * hour };
  const own = (seq: number): SeedCall => ({ atMs: fromMs + 10 * hour + seq * 1000, agent: "a", server: "files", tool: "list", producer: "px-1", seq });

  test("gaps, coverage by explicit rules and active servers are as they were before the import", async () => {
    await clear(on.store);
    await insertCalls(on.store, [own(1), own(2), own(3)]);
    const gaps = jobs.filter((job) => job.name === "sequence-gaps" || job.name === "unusual-sequences");
    const figures = async () => {
      const { findings } = await runJobsOver({ jobs: gaps, store: on.store, fromMs: fromMs + 10 * hour, toMs: fromMs + 11 * hour });
      const completeness = await on.store.query("SELECT producer, sum(expected) AS expected, sum(stored) AS stored, sum(arrived) AS arrived FROM audit_completeness FINAL GROUP BY producer");
      return { findings: findings.map((f) => [f.detector, f.entity]), completeness, metrics: await computeMetrics(on.store, period, period.toMs) };
    };
    const before = await figures();
    expect(before.metrics.find((m) => m.metric === "explicit_policy_coverage")).toMatchObject({ denominator: 3 });
    expect((await run()).mapped).toBe(11);
    expect(await figures()).toEqual(before);
    const producers = await on.store.query<{ producer: string }>(loadSql(new URL("../../../dashboards/queries/producers.sql", import.meta.url)), { from_ms: fromMs, to_ms: period.toMs });
    expect(producers.map((row) => row.producer)).toEqual(["px-1"]);
    // What is imported arrives months after its calls, and is not late for that.
    const [now] = await on.store.query<{ ms: string }>("SELECT toString(toUnixTimestamp64Milli(max(stored_at))) AS ms FROM calls");
    const stored = { window_start_ms: Number(now!.ms) - 24 * hour, window_end_ms: Number(now!.ms) + hour, now_ms: Number(now!.ms) + hour, late_after_ms: minute, only: "" };
    const arrivals = await on.store.query<{ producer: string }>(loadSql(new URL("../../../analytics/jobs/sequence-gaps/arrivals.sql", import.meta.url)), stored);
    expect(arrivals.map((row) => row.producer)).toEqual(["px-1"]);
  });

  test("explain says that it was imported, and from whom", async () => {
    const call = await callOf("mh2");
    const { words } = await explainCall(on.store, String(call?.call_id));
    expect(words.join("\n")).toContain("It was imported from a span of mcp-hangar (trace trace-of-mh2, span mh2). No proxy of Signalbox received it.\nIt was denied there; no policy of Signalbox took part.");
  });

  test("audit verify finds no fault in imported calls, counts them, and still finds one that only says that it was imported", async () => {
    const verified = () => verify({ spools: [], store: on.store, checkpoints: null, sinceMs: null, producer: "", clock: systemClock });
    await clear(on.store);
    expect((await run()).mapped).toBe(11);
    const report = await verified();
    expect(report.failures).toEqual([]);
    expect(report).toMatchObject({ ok: true, storedRecords: 0, producers: [] });
    expect(report.notes).toEqual([expect.stringMatching(/^11 calls were imported from \d other services; they are in no chain, and were not checked$/)]);
    await insertCalls(on.store, [{ ...own(7), columns: { basis: "imported" } }]);
    expect((await verified()).failures).toEqual([expect.objectContaining({ check: "calls", record: "px-1-7" })]);
  });
});

test("the command says what it did, in words and in JSON, and what to do where there is no such table", async () => {
  const env = { SIGNALBOX_STORE_URL: on.url };
  await clear(on.store);
  const dry = await signalbox(["import", "--until", "2026-04-01T00:00:00Z", "--dry-run"], { env });
  expect([dry.code, dry.stdout.split("\n").slice(0, 3)]).toEqual([0, ["2026-03-02  18 spans, 10 calls", "2026-03-04  2 spans, 1 calls", "20 spans of 2 days were read."]]);
  const json = await signalbox(["import", "--since", "2026-03-03T00:00:00Z", "--until", "2026-04-01T00:00:00Z", "--json"], { env });
  expect(JSON.parse(json.stdout)).toMatchObject({ read: 2, mapped: 1, dryRun: false, services: { "mcp-hangar": 1 } });
  const absent = await signalbox(["import", "--database", "nowhere"], { env });
  expect(absent.code).toBe(1);
  expect(absent.stderr).toContain("there is no table nowhere.otel_traces");
  const backwards = await signalbox(["import", "--since", "2026-03-03T00:00:00Z", "--until", "2026-03-02T00:00:00Z"], { env });
  expect(backwards.stderr).toContain("--since is not before --until");
});

test("it stops after a day when it is told to", async () => {
  const stop = new AbortController();
  const report = await run({ signal: stop.signal, dryRun: true, onDay: () => stop.abort() });
  expect([report.stopped, report.days]).toEqual([true, 1]);
});
