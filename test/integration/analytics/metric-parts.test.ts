import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { computeMetrics, computeParts, jobs, metricDefinitions, partDefinitions, runJobsOver, type MetricPart } from "../../../analytics/index.ts";
import type { Store } from "../../../collector/store/client.ts";
import { buildReport } from "../../../dashboards/reports/build.ts";
import { clear, hour, insertCalls, minute, startTestStore, type SeedCall, type TestStore } from "./seed.ts";

const day = 24 * hour;
const from = Date.UTC(2026, 0, 5);
const period = { fromMs: from, toMs: from + 7 * day };
let engine: TestStore;
let store: Store;

beforeAll(async () => {
  engine = await startTestStore();
  store = engine.store;
});
beforeEach(async () => {
  await clear(store);
  await store.command("TRUNCATE TABLE alert_events");
});
afterAll(() => engine?.stop());

const at = (owner: string, server: string, environment: string, over: Record<string, unknown> = {}) => ({ server, columns: { owner, environment, ...over } });
const call = (over: Partial<SeedCall>): SeedCall => ({ atMs: from + hour, agent: "a", server: "s", tool: "t", ...over });
const many = (n: number, over: Partial<SeedCall>): SeedCall[] => Array.from({ length: n }, (_, i) => call({ ...over, atMs: (over.atMs ?? from + hour) + i }));

/** `team/ops 3/4`, of one number. */
async function parts(metric: string, asOfMs = period.toMs): Promise<string[]> {
  const all = (await computeParts(store, period, asOfMs)).filter((part) => part.metric === metric);
  return all.map((part) => `${part.dimension}/${part.name} ${part.numerator}/${part.denominator}`);
}

const publish = (servers: readonly object[]) => store.insert("registry_servers", servers.map((one) => ({ revision: "r1", published_at: new Date(from).toISOString(), lifecycle: "approved", ...one })));

test("each number has its parts under the same id, with a version and SQL of their own", () => {
  expect(partDefinitions.map((d) => [d.id, d.unit])).toEqual(metricDefinitions.map((d) => [d.id, d.unit]));
  expect(new Set([...partDefinitions, ...metricDefinitions].map((d) => d.sqlSha256)).size).toBe(8);
});

test("explicit coverage goes with the server's owner and environment at the time of the call", async () => {
  await insertCalls(store, [
    ...many(3, at("ops", "files", "production")),
    // The same server, before it went to another team.
    ...many(1, { ...at("dev", "files", "production", { basis: "default", policy_ids: [] }), denied: true }),
    ...many(4, at("dev", "tickets", "staging")),
    ...many(2, { ...at("", "shadow", "", { basis: "default", policy_ids: [] }), denied: true }),
    ...many(1, { ...at("ops", "files", "production"), denied: true, reason: "rule_error" }),
    call({ ...at("ops", "files", "production"), atMs: period.toMs }),
  ]);
  expect(await parts("explicit_policy_coverage")).toEqual([
    "environment/ 0/2",
    "environment/production 3/5",
    "environment/staging 4/4",
    "server/files 3/5",
    "server/shadow 0/2",
    "server/tickets 4/4",
    "team/ 0/2",
    "team/dev 4/5",
    "team/ops 3/4",
  ]);
});

test("the exception rate goes with the owner and tier at the time of the call, and one stored twice counts once", async () => {
  const high = { risk_tier: "high" };
  const twice = call({ ...at("ops", "vault", "production", { ...high, basis: "exception", exception_id: "x1" }), atMs: from + 2 * hour, producer: "p2", seq: 1 });
  await insertCalls(store, [
    ...many(3, at("ops", "vault", "production", high)),
    ...many(2, at("dev", "bank", "staging", { ...high, basis: "exception", exception_id: "x1" })),
    ...many(5, at("dev", "bank", "staging", { risk_tier: "low", basis: "exception", exception_id: "x1" })),
    ...many(1, { ...at("dev", "bank", "staging", high), denied: true }),
    twice,
  ]);
  await insertCalls(store, [twice]);
  expect(await parts("high_risk_exception_rate")).toEqual(["environment/production 1/4", "environment/staging 2/2", "server/bank 2/2", "server/vault 1/4", "team/dev 2/2", "team/ops 1/4"]);
});

test("servers stand under their owner, those without under none, and in each of their environments", async () => {
  await publish([
    { server: "files", owner: "ops", risk_tier: "low", environments: ["production", "staging"] },
    { server: "vault", owner: "ops", risk_tier: "", environments: ["production"] },
    { server: "left", owner: "gone", owner_kind: "team", owner_members: [], risk_tier: "low", environments: [] },
    { server: "old", owner: "ops", risk_tier: "low", environments: ["production"], lifecycle: "retired" },
  ]);
  await insertCalls(store, [call({ server: "shadow", columns: { environment: "staging" } }), call({ server: "typo", denied: true })]);
  expect(await parts("owner_and_tier")).toEqual([
    "environment/ 0/1",
    "environment/production 1/2",
    "environment/staging 1/2",
    "server/files 1/1",
    "server/left 0/1",
    "server/shadow 0/1",
    "server/vault 0/1",
    "team/ 0/2",
    "team/ops 1/2",
  ]);
});

test("an incident counts at the servers of its evidence, and of its alert where that is all there is; drills nowhere", async () => {
  await publish([{ server: "tickets", owner: "dev", risk_tier: "low", environments: ["staging"] }]);
  await insertCalls(store, [
    call({ ...at("ops", "files", "production"), producer: "px-1", seq: 7 }),
    call({ ...at("sec", "vault", "production"), producer: "px-1", seq: 8 }),
  ]);
  await store.insert("alert_events", [{ alert_id: "al1", at: new Date(from).toISOString(), state: "firing", labels: { server: "tickets" } }]);
  const step = (incident_id: string, name: string, minutes: number, over: object = {}) => {
    const time = new Date(from + 2 * hour + minutes * minute).toISOString();
    return { incident_id, step: name, occurred_at: time, recorded_at: time, actor: "eva", ...over };
  };
  await store.insert("incident_events", [
    step("inc_a", "detected", 0),
    step("inc_a", "cause_identified", 20, { call_ids: ["px-1-7"] }),
    step("inc_b", "detected", 0, { alert_id: "al1" }),
    step("inc_b", "cause_identified", 60, { call_ids: ["px-1-7", "px-1-8"] }),
    step("inc_c", "detected", 0, { alert_id: "al1" }),
    step("inc_d", "detected", 0, { call_ids: ["px-1-7"], drill: true }),
    step("inc_e", "detected", 0),
  ]);
  const all = (await computeParts(store, period, period.toMs)).filter((part) => part.metric === "time_to_investigate");
  const of = (dimension: string, name: string): MetricPart => all.find((part) => part.dimension === dimension && part.name === name)!;
  // files: 20 and 60 minutes; vault: 60; tickets: 60, and one that is open, so its median is of survival: 1/2 at 60.
  expect(of("server", "files")).toMatchObject({ numerator: 2, denominator: 2, value: 40 });
  expect(of("team", "sec")).toMatchObject({ numerator: 1, denominator: 1, value: 60 });
  expect(of("team", "dev")).toMatchObject({ numerator: 1, denominator: 2, value: 60 });
  expect(of("environment", "staging")).toMatchObject({ numerator: 1, denominator: 2, value: 60 });
  expect(of("environment", "production")).toMatchObject({ numerator: 2, denominator: 2, value: 40 });
  expect(all.map((part) => part.name)).not.toContain("");
});

test("the parts of calls make the whole", async () => {
  const teams = ["ops", "dev", ""];
  await insertCalls(store, Array.from({ length: 300 }, (_, i) =>
    call({ atMs: from + i * minute, denied: i % 7 === 0, ...at(teams[i % 3]!, `s${i % 5}`, i % 2 ? "production" : "staging", { risk_tier: i % 4 ? "low" : "high", basis: i % 11 ? "explicit" : "exception", attempts: 1 + (i % 3) }) }),
  ));
  const whole = await computeMetrics(store, period, period.toMs);
  const all = await computeParts(store, period, period.toMs);
  for (const metric of ["explicit_policy_coverage", "high_risk_exception_rate"]) {
    const { numerator, denominator } = whole.find((one) => one.metric === metric)!;
    expect(denominator).toBeGreaterThan(10);
    for (const dimension of ["team", "server", "environment"]) {
      const of = all.filter((part) => part.metric === metric && part.dimension === dimension);
      expect([of.reduce((sum, part) => sum + part.numerator, 0), of.reduce((sum, part) => sum + part.denominator, 0)], `${metric} by ${dimension}`).toEqual([numerator, denominator]);
    }
  }
});

test("a report shows each team's numbers, how they moved since the period before, and the weeks that were kept", async () => {
  const ops = (n: number, weeks: number, denied: boolean) => many(n, { ...at("ops", "files", "production", denied ? { basis: "default", policy_ids: [] } : {}), denied, atMs: from - weeks * 7 * day + hour });
  await insertCalls(store, [...ops(30, 0, false), ...ops(10, 0, true), ...ops(20, 1, false), ...ops(20, 1, true)].map((one, i) => ({ ...one, seq: i + 1 })));
  const job = jobs.filter((one) => one.name === "leadership-metrics");
  await runJobsOver({ jobs: job, store, fromMs: from - hour, toMs: from });
  const { parts: shown } = await buildReport({ store, nowMs: period.toMs, timeZone: "UTC" }, period);
  const cell = shown.find((part) => part.dimension === "team")!.rows.find((row) => row.name === "ops")!.cells.find((one) => one.metric === "explicit_policy_coverage")!;
  // 30 of 40 now, 20 of 40 in the week before, which was kept at its end.
  expect(cell).toMatchObject({ value: 0.75, numerator: 30, denominator: 40, previous: 0.5, previousDenominator: 40, history: [{ endMs: from, value: 0.5, denominator: 40 }] });
});
