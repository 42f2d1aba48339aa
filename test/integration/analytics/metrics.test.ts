import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { computeMetrics, jobs, runJobsOver, type MetricValue } from "../../../analytics/index.ts";
import type { Store } from "../../../collector/store/client.ts";
import { clear, hour, insertCalls, minute, startTestStore, type SeedCall, type TestStore } from "./seed.ts";

const from = Date.UTC(2026, 0, 5);
const period = { fromMs: from, toMs: from + 7 * 24 * hour };
let engine: TestStore;
let store: Store;

beforeAll(async () => {
  engine = await startTestStore();
  store = engine.store;
});
beforeEach(() => clear(store));
afterAll(() => engine?.stop());

async function compute(metric: string, asOfMs = period.toMs): Promise<MetricValue> {
  return (await computeMetrics(store, period, asOfMs)).find((value) => value.metric === metric)!;
}

const call = (over: Partial<SeedCall> & { columns?: Record<string, unknown> } = {}): SeedCall => ({ atMs: from + hour, agent: "a", server: "s", tool: "t", ...over });
const many = (n: number, one: SeedCall): SeedCall[] => Array.from({ length: n }, (_, i) => ({ ...one, atMs: one.atMs + i }));

async function publish(revision: string, publishedMs: number, servers: readonly [name: string, owner: string, tier: string, lifecycle: string][]): Promise<void> {
  await store.insert("registry_servers", servers.map(([server, owner, risk_tier, lifecycle]) => ({
    revision, published_at: new Date(publishedMs).toISOString(), server, owner, risk_tier, lifecycle,
  })));
}

test("nothing stored is no number, rather than zero", async () => {
  expect((await computeMetrics(store, period, period.toMs)).map((m) => [m.metric, m.denominator, m.value])).toEqual([
    ["owner_and_tier", 0, null],
    ["explicit_policy_coverage", 0, null],
    ["time_to_investigate", 0, null],
    ["high_risk_exception_rate", 0, null],
  ]);
});

test("owner and tier count active servers, those that only traffic knows too, in the registry of the period's end", async () => {
  await publish("r1", from - hour, [["old", "", "", "approved"]]);
  await publish("r2", from + hour, [
    ["full", "team-a", "high", "approved"],
    ["tierless", "team-a", "", "approved"],
    ["going", "team-b", "low", "deprecated"],
    ["gone", "", "", "retired"],
    ["planned", "", "", "proposed"],
  ]);
  await publish("r3", period.toMs + hour, [["later", "", "", "approved"]]);
  await insertCalls(store, [
    ...many(6, call({ server: "full" })),
    ...many(2, call({ server: "tierless" })),
    ...many(2, call({ server: "shadow" })),
    ...many(9, call({ server: "typo", denied: true })),
  ]);
  const value = await compute("owner_and_tier");
  // Active: full, tierless, going, shadow. With both: full, going. Ten calls went to active servers, six of them to full.
  expect(value).toMatchObject({ numerator: 2, denominator: 4, value: 0.5, unit: "share", version: "2" });
  expect(value.detail).toEqual({
    owner_share: 0.75,
    tier_share: 0.5,
    call_weighted_share: 0.6,
    offenders: ["shadow", "tierless"],
    refused_unregistered: ["typo"],
  });
});

test("a team that nobody is in owns no server, a person does, and so does a name where the registry lists no people", async () => {
  const at = new Date(from).toISOString();
  const server = (name: string, over: object) => ({ revision: "r1", published_at: at, server: name, owner: "x", risk_tier: "low", lifecycle: "approved", ...over });
  await store.insert("registry_servers", [
    server("person", { owner_kind: "person", owner_members: ["x"] }),
    server("team", { owner_kind: "team", owner_members: ["a", "b"] }),
    server("left", { owner_kind: "team", owner_members: [] }),
    server("free", {}),
  ]);
  // Four active servers, three of them with somebody to ask.
  const value = await compute("owner_and_tier");
  expect(value).toMatchObject({ numerator: 3, denominator: 4, value: 0.75 });
  expect(value.detail).toMatchObject({ owner_share: 0.75, tier_share: 1, offenders: ["left"] });
});

test("explicit coverage counts tool calls that a named rule decided; the rest have bars of their own", async () => {
  await insertCalls(store, [
    ...many(5, call()),
    ...many(2, call({ denied: true })),
    ...many(2, call({ denied: true, columns: { basis: "default", policy_ids: [] } })),
    call({ columns: { basis: "exception", exception_id: "x1" } }),
    call({ columns: { policy_ids: [] } }),
    call({ columns: { policy_version: "" } }),
    ...many(3, call({ method: "tools/list", tool: "" })),
    call({ atMs: period.toMs }),
  ]);
  const value = await compute("explicit_policy_coverage");
  expect(value).toMatchObject({ numerator: 7, denominator: 12 });
  expect(value.value).toBeCloseTo(7 / 12, 12);
  expect(value.detail).toMatchObject({ explicit_allow: 5, explicit_deny: 2, default_deny: 2, default_other: 0, exception: 1, unattributed: 2, missing_records: 0 });
});

test("a rule that could not be evaluated, what passed unrecorded and what is only observed are not called explicit", async () => {
  await insertCalls(store, [
    ...many(4, call()),
    ...many(3, call({ denied: true, reason: "rule_error" })),
    call({ denied: true, reason: "rule_error", columns: { basis: "default", policy_ids: [] } }),
    // One record of calls that were let through while nothing could be recorded.
    call({ columns: { outcome: "unrecorded", basis: "default", policy_ids: [], attempts: 5 } }),
    ...many(2, call({ columns: { mode: "observe" } })),
    call({ columns: { basis: "default", policy_ids: [] } }),
  ]);
  const value = await compute("explicit_policy_coverage");
  // 4 and the 2 observed ones, which a rule allowed, of 4 + 3 + 1 + 5 + 2 + 1.
  expect(value).toMatchObject({ numerator: 6, denominator: 16, value: 0.375, version: "2" });
  expect(value.detail).toMatchObject({ explicit_allow: 6, explicit_deny: 0, rule_error: 4, unrecorded: 5, default_deny: 0, default_other: 1, observed: 2, unattributed: 0 });
});

test("records that are missing widen explicit coverage to an interval, and one stored twice counts once", async () => {
  await insertCalls(store, [call({ seq: 1 }), call({ seq: 2 }), call({ seq: 2 }), call({ seq: 4, denied: true, columns: { basis: "default" } })]);
  const value = await compute("explicit_policy_coverage");
  expect(value).toMatchObject({ numerator: 2, denominator: 3 });
  expect(value.detail).toMatchObject({ missing_records: 1, low: 0.5, high: 0.75 });
});

type Step = [incident: string, step: string, atMinutes: number, more?: Record<string, unknown>];

async function incidents(steps: readonly Step[]): Promise<void> {
  await store.insert("incident_events", steps.map(([incident_id, step, at, more]) => {
    const time = new Date(from + at * minute).toISOString();
    return { incident_id, step, occurred_at: time, recorded_at: time, actor: "eva", ...more };
  }));
}

const solved = (id: string, detected: number, waited: number, worked: number): Step[] => [
  [id, "opened", detected + 1],
  [id, "detected", detected],
  [id, "investigation_started", detected + waited],
  [id, "cause_identified", detected + waited + worked],
];

test("time to investigate is the median from detection to cause, waiting and working apart, without drills", async () => {
  await incidents([
    ...solved("inc_a", 100, 5, 15),
    ...solved("inc_b", 200, 10, 30),
    ...solved("inc_c", 300, 2, 98),
    ...solved("inc_d", 400, 1, 9).map(([id, step, at]): Step => [id, step, at, { drill: true }]),
    ...solved("inc_e", -500, 1, 1),
  ]);
  const value = await compute("time_to_investigate");
  // 20, 40 and 100 minutes; p90 lies 80% of the way from the second to the third.
  expect(value).toMatchObject({ numerator: 3, denominator: 3, value: 40, unit: "minutes" });
  expect(value.detail).toMatchObject({ n: 3, open: 0, drills: 1, wait_median: 5, work_median: 30, median: 40, p90: expect.closeTo(88, 9) });
  expect(value.detail.cases).toEqual([["inc_a", 20], ["inc_b", 40], ["inc_c", 100]]);
});

test("with many open cases the number is a median that doesn't pretend they are solved", async () => {
  const open = (id: string, detected: number): Step[] => [[id, "detected", detected]];
  await incidents([...solved("inc_a", 0, 0, 10), ...solved("inc_b", 0, 0, 20), ...solved("inc_c", 0, 0, 60), ...open("inc_d", 0), ...open("inc_e", 70)]);
  const value = await compute("time_to_investigate", from + 100 * minute);
  // At risk 5, 4, (30: censored), 2: survival 4/5, 3/5, then 3/5 * 1/2 = 3/10 at 60 minutes.
  expect(value).toMatchObject({ numerator: 3, denominator: 5, value: 60 });
  expect(value.detail).toMatchObject({ median: 20, kaplan_meier: 60, open: 2, oldest_open_minutes: 100 });
});

test("most cases open is no number, and reopening makes an investigation longer", async () => {
  await incidents([
    ...solved("inc_a", 0, 0, 10),
    ["inc_a", "resolved", 11],
    ["inc_a", "reopened", 30],
    ["inc_b", "detected", 0],
  ]);
  expect(await compute("time_to_investigate", from + 50 * minute)).toMatchObject({ numerator: 0, denominator: 2, value: null });
  await incidents([["inc_a", "cause_identified", 45], ["inc_b", "cause_identified", 60]]);
  expect((await compute("time_to_investigate", from + 70 * minute)).detail).toMatchObject({ n: 2, cases: [["inc_a", 45], ["inc_b", 60]] });
});

test("from five cases on none is named, a case that was entered a day late is counted, and the time that others measure stands beside", async () => {
  await incidents([
    ...["a", "b", "c", "d"].flatMap((id) => solved(`inc_${id}`, 0, 0, 10)),
    ["inc_a", "closed", 25],
    ...solved("inc_e", 0, 0, 30).map(([id, step, at]): Step => [id, step, at, { recorded_at: new Date(from + 25 * hour).toISOString() }]),
    ["inc_e", "closed", 65],
  ]);
  const value = await compute("time_to_investigate");
  // 10, 10, 10, 10 and 30 minutes. Started to closed: 25 and 65. All four entries of inc_e but its opening, at minute 1, are
  // 24 whole hours late, and that one is too: 25 h less a minute.
  expect(value).toMatchObject({ numerator: 5, denominator: 5, value: 10, version: "2" });
  expect(value.detail).toMatchObject({ n: 5, cases: [], late_entries: 4, start_to_closed_median: 45 });
});

test("the high-risk exception rate is over allowed calls, by the tier at the time of the call", async () => {
  const high = { risk_tier: "high" };
  await insertCalls(store, [
    ...many(6, call({ columns: high })),
    ...many(2, call({ columns: { ...high, basis: "exception", exception_id: "x1" } })),
    call({ agent: "b", columns: { ...high, basis: "exception", exception_id: "x2" } }),
    call({ columns: { ...high, mode: "observe", would_be: "deny" } }),
    call({ denied: true, columns: high }),
    ...many(4, call({ columns: { risk_tier: "low", basis: "exception", exception_id: "x3" } })),
  ]);
  const value = await compute("high_risk_exception_rate");
  expect(value).toMatchObject({ numerator: 3, denominator: 10, value: 0.3 });
  expect(value.detail).toEqual({ exceptions_used: 2, top_exceptions: [["x1", 2], ["x2", 1]], top_agents: [["a", 2], ["b", 1]], observed_would_refuse: 1, active: 0, median_age_hours: 0, used_after_end: 0, top_grantors: [] });
});

test("with the rate stand the exceptions in force, how old they are, who granted them, and uses after their end", async () => {
  let seq = 0;
  const event = (kind: string, id: string, atMs: number, exception: object = {}) => ({ journal: "j", seq: ++seq, at: new Date(atMs).toISOString(), kind, subject: id, by: "p", json: JSON.stringify({ kind, exception }) });
  const granted = (id: string, atMs: number, endMs: number, approvedBy: string, breakGlass = false) => event("exception.granted", id, atMs, { exceptionId: id, scope: {}, reason: "r", breakGlass, approvedBy, expiresMs: endMs });
  await store.insert("control_events", [
    granted("x1", period.toMs - 10 * hour, period.toMs + hour, "ada"),
    granted("x2", period.toMs - 30 * hour, period.toMs + hour, "ada"),
    granted("x3", from + hour, from + 2 * hour, "bob", true),
    granted("x4", from + hour, period.toMs + hour, "ada"),
    event("exception.revoked", "x4", from + 3 * hour),
    granted("x5", from - 5 * hour, from - hour, "eve"),
  ]);
  const use = (id: string, atMs: number) => call({ atMs, columns: { risk_tier: "high", basis: "exception", exception_id: id } });
  await insertCalls(store, [use("x3", from + 1.5 * hour), use("x3", from + 2 * hour), use("x3", from + 2 * hour + 6000), use("x4", from + 2 * hour), use("x4", from + 4 * hour), ...many(5, call({ columns: { risk_tier: "high" } }))]);
  const value = await compute("high_risk_exception_rate");
  // In force at the end: x1, 10 h old, and x2, 30 h. After the end: x3 by six seconds (at its end the clocks may differ), x4 by an hour.
  expect(value).toMatchObject({ numerator: 5, denominator: 10, value: 0.5, version: "2" });
  expect(value.detail).toMatchObject({ active: 2, median_age_hours: 20, used_after_end: 2, top_grantors: [["ada", 3], ["bob", 1]] });
});

test("a number of thousands that is stored twice counts once, wherever it lies", async () => {
  const high = { risk_tier: "high", basis: "exception", exception_id: "x1" };
  const calls = Array.from({ length: 9000 }, (_, i) => call({ atMs: from + i * 1000, seq: i + 1, ...(i % 2 === 0 ? { columns: high } : {}) }));
  await insertCalls(store, calls);
  await insertCalls(store, [calls[0]!, calls[5000]!, calls[5001]!]);
  expect(await compute("explicit_policy_coverage")).toMatchObject({ numerator: 4500, denominator: 9000 });
  expect(await compute("high_risk_exception_rate")).toMatchObject({ numerator: 4500, denominator: 4500 });
});

test("the job keeps each hour's numbers with the digest of their SQL, and a second run replaces them", async () => {
  await insertCalls(store, many(3, call()));
  const over = { jobs: jobs.filter((job) => job.name === "leadership-metrics"), store, fromMs: from + hour, toMs: from + 2 * hour };
  await runJobsOver(over);
  await runJobsOver(over);
  const rows = await store.query<{ metric: string; value: number; sql_sha256: string; detail: string }>("SELECT * FROM metric_values FINAL ORDER BY metric");
  expect(rows.map((row) => [row.metric, row.value])).toEqual([
    ["explicit_policy_coverage", 1],
    ["high_risk_exception_rate", 0],
    ["owner_and_tier", 0],
    ["time_to_investigate", 0],
  ]);
  expect(rows.map((row) => (JSON.parse(row.detail) as { measured: boolean }).measured)).toEqual([true, false, true, false]);
  expect(new Set(rows.map((row) => row.sql_sha256)).size).toBe(4);
});
