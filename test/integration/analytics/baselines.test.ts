import { Command } from "commander";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { registerAnalytics } from "../../../analytics/command.ts";
import { analyticsConfigSchema, createJobs, runJobsOver } from "../../../analytics/index.ts";
import type { EntityKind, Metric } from "../../../analytics/baseline/metrics.ts";
import type { Baseline } from "../../../analytics/baseline/model.ts";
import { readBaselines } from "../../../analytics/baseline/read.ts";
import type { Store } from "../../../collector/store/client.ts";
import { commandContext } from "../../support/command-context.ts";
import { clear, hour, insertCalls, minute, startTestStore, type SeedCall, type TestStore } from "./seed.ts";

const day = 24 * hour;
/** A Monday. */
const t0 = Date.UTC(2026, 0, 5);
const config = analyticsConfigSchema.parse({});

let engine: TestStore;
let store: Store;
beforeAll(async () => {
  engine = await startTestStore();
  store = engine.store;
});
beforeEach(() => clear(store));
afterAll(() => engine?.stop());

/** So many calls of an agent and tool in each hour of a range, in records of many attempts, so that a seed stays small. */
function hourly(fromMs: number, toMs: number, callsAt: (atMs: number) => number, over: Partial<SeedCall> = {}): SeedCall[] {
  const calls: SeedCall[] = [];
  for (let atMs = fromMs; atMs < toMs; atMs += hour) {
    const attempts = callsAt(atMs);
    if (attempts > 0) calls.push({ atMs, agent: "a", server: "s", tool: "t", ...over, columns: { attempts, ...over.columns } });
  }
  return calls;
}

async function baselineOf(metric: Metric, entity: string, atMs: number, options: { kind?: EntityKind; asOfMs?: number } = {}): Promise<Baseline> {
  const all = await readBaselines(store, { atMs, untilMs: atMs, asOfMs: options.asOfMs ?? atMs, metrics: [metric] }, config.baselines);
  return all.find((b) => b.own.entity === entity && (options.kind === undefined || b.own.kind === options.kind))!;
}

test("a season is used once there is history for it: all hours, hours of the day, of weekdays or weekends, of the week", async () => {
  // 10 calls an hour, 50 at 09:00, 90 at 09:00 on Saturday and Sunday, and 300 at 09:00 on Tuesday.
  const plan = (atMs: number): number => {
    const at = new Date(atMs);
    if (at.getUTCHours() !== 9) return 10;
    return at.getUTCDay() % 6 === 0 ? 90 : at.getUTCDay() === 2 ? 300 : 50;
  };
  await insertCalls(store, hourly(t0, t0 + 36 * day, plan));
  const nine = (days: number) => baselineOf("call_volume", "a", t0 + days * day + 9 * hour);
  // At 09:00 on Wednesday there are 57 hours; on the Monday after, 177.
  expect((await nine(1)).own).toMatchObject({ cold: true, hoursKnown: 33 });
  expect((await nine(2)).own).toMatchObject({ cold: false, level: "all", centre: 10, hoursAlike: 57, why: "hour of the week needs 672 hours of history, and there are 57" });
  // Seven 09:00s: 50, 300, 50, 50, 50, 90, 90.
  expect((await nine(7)).own).toMatchObject({ level: "hour_of_day", centre: 50, hoursAlike: 7 });
  // A Saturday after 19 days: the two Saturdays and two Sundays before.
  expect((await nine(19)).own).toMatchObject({ level: "hour_and_kind_of_day", centre: 90, hoursAlike: 4 });
  // Tuesdays: before there are four of them they are compared with weekdays.
  expect((await nine(22)).own).toMatchObject({ level: "hour_and_kind_of_day", centre: 50, hoursAlike: 16 });
  expect((await nine(29)).own).toMatchObject({ level: "hour_of_week", centre: 300, hoursAlike: 4, since: t0 / hour, why: "" });
  // The history is five weeks long, and no longer.
  expect((await nine(36)).own).toMatchObject({ level: "hour_of_week", hoursAlike: 5, since: (t0 + day + 9 * hour) / hour });
});

test("a rare tool leans on its server, by the calls that it has", async () => {
  // The server: 48 hours of 100 calls, 10 of each denied. The tool: 25 calls, none denied.
  await insertCalls(store, [
    ...hourly(t0, t0 + 2 * day, () => 90),
    ...hourly(t0, t0 + 2 * day, () => 10, { denied: true }),
    ...hourly(t0, t0 + 25 * hour, () => 1, { tool: "rare" }),
  ]);
  const atMs = t0 + 2 * day;
  const rare = await baselineOf("denial_rate", "s/rare", atMs);
  const server = await baselineOf("denial_rate", "s", atMs);
  // Of the server's 48 hours 25 have a rate of 10/101, and 23 of 10/100; the two highest of all are left out (a twentieth).
  const own = (25 * 10 + 21 * 10) / (25 * 101 + 21 * 100);
  expect(server.own.centre).toBeCloseTo(own, 12);
  // The server leans on all servers, which are itself, so nothing moves.
  expect(server.centre).toBeCloseTo(own, 12);
  expect(rare).toMatchObject({ weight: 25 / 125, own: { centre: 0, parentKind: "server", parent: "s", weight: 25 } });
  expect(rare.centre).toBeCloseTo(0.8 * own, 12);
  const common = await baselineOf("denial_rate", "s/t", atMs);
  expect(common.weight).toBeCloseTo(4800 / 4900, 12);
});

test("a volume leans on an even share of its parent's until it has two days of its own", async () => {
  await insertCalls(store, [...hourly(t0, t0 + 3 * day, () => 30), ...hourly(t0 + 60 * hour, t0 + 3 * day, () => 6, { agent: "new" })]);
  const baseline = await baselineOf("call_volume", "new", t0 + 3 * day);
  // Twelve of 48 hours are its own. All calls: 60 hours of 30 and 12 of 36, whose median is 30, shared by two agents.
  expect(baseline).toMatchObject({ weight: 0.25, parentCentre: 15, centre: 0.25 * 6 + 0.75 * 15, own: { cold: true, hoursKnown: 12, centre: 6 } });
  expect(await baselineOf("call_volume", "a", t0 + 3 * day)).toMatchObject({ weight: 1, centre: 30, own: { cold: false } });
});

test("a level that shifted is learnt anew from the day on that it did", async () => {
  const shiftMs = t0 + 20 * day;
  await insertCalls(store, hourly(t0, t0 + 30 * day, (atMs) => (atMs < shiftMs ? 20 : 100)));
  const own = async (days: number) => (await baselineOf("call_volume", "a", t0 + days * day)).own;
  // Two days of a new level may be an exception.
  expect(await own(22)).toMatchObject({ shift: undefined, centre: 20 });
  expect(await own(25)).toMatchObject({ shift: { day: shiftMs / day, before: 20, after: 100 }, since: shiftMs / hour, centre: 100, hoursKnown: 5 * 24, level: "all" });
  expect(await own(30)).toMatchObject({ shift: { day: shiftMs / day }, centre: 100, level: "hour_of_day" });
});

test("weekends, single days and a slow drift are no shift of level", async () => {
  const office = (atMs: number): number => (new Date(atMs).getUTCDay() % 6 === 0 ? 4 : 40);
  const odd = (atMs: number): number => (atMs >= t0 + 15 * day && atMs < t0 + 17 * day ? 200 : 40);
  const slow = (atMs: number): number => Math.round(40 * 1.02 ** ((atMs - t0) / day));
  await insertCalls(store, [
    ...hourly(t0, t0 + 33 * day, office, { agent: "office" }),
    ...hourly(t0, t0 + 33 * day, odd, { agent: "odd" }),
    ...hourly(t0, t0 + 33 * day, slow, { agent: "slow" }),
  ]);
  for (const agent of ["office", "odd", "slow"]) {
    for (const days of [14, 18, 27, 33]) expect((await baselineOf("call_volume", agent, t0 + days * day)).own.shift, `${agent} after ${days} days`).toBeUndefined();
  }
});

interface IncidentStep {
  step: string;
  atMs: number;
  recordedMs?: number;
  alertId?: string;
  callIds?: string[];
}

async function incident(id: string, steps: readonly IncidentStep[]): Promise<void> {
  const iso = (ms: number): string => new Date(ms).toISOString();
  await store.insert("incident_events", steps.map((s) => ({ incident_id: id, step: s.step, occurred_at: iso(s.atMs), recorded_at: iso(s.recordedMs ?? s.atMs), actor: "ada", alert_id: s.alertId ?? "", call_ids: s.callIds ?? [], title: "", severity: "ticket", initiator: "unknown", cause: "", note: "", drill: false })));
}

test("the hours of a known incident don't move the baselines of what it was about, as long as it is known", async () => {
  // 20 hours in 60 have five times the errors, from the 30th on.
  const bad = (atMs: number): boolean => atMs >= t0 + 30 * hour && atMs < t0 + 50 * hour;
  await insertCalls(store, [
    ...hourly(t0, t0 + 60 * hour, () => 90),
    ...hourly(t0, t0 + 60 * hour, (atMs) => (bad(atMs) ? 90 : 10), { columns: { outcome: "tool_error" } }),
    ...hourly(t0, t0 + 60 * hour, () => 10, { server: "other", tool: "x", agent: "b" }),
  ]);
  const atMs = t0 + 60 * hour;
  const before = await baselineOf("error_rate", "s/t", atMs);
  expect(before.own).toMatchObject({ hours: 60, hoursLeftOut: 0, incidents: [] });
  expect(before.own.centre).toBeGreaterThan(0.2);

  await store.insert("findings", [{ finding_id: "f1", detector: "error_spike", entity_kind: "tool", entity: "s/t", server: "s", tool: "t", window_start: new Date(t0 + 30 * hour + 10).toISOString(), window_end: new Date(t0 + 30 * hour + 300_010).toISOString() }]);
  await store.insert("alert_events", [{ alert_id: "al1", finding_id: "f1", at: new Date(t0 + 31 * hour).toISOString(), state: "firing" }]);
  await incident("inc_1", [
    { step: "opened", atMs: t0 + 31 * hour, alertId: "al1" },
    { step: "detected", atMs: t0 + 31 * hour, alertId: "al1" },
    { step: "resolved", atMs: t0 + 50 * hour, recordedMs: t0 + 55 * hour },
    { step: "closed", atMs: t0 + 58 * hour },
  ]);
  const after = await baselineOf("error_rate", "s/t", atMs);
  expect(after.own).toMatchObject({ centre: 0.1, hours: 40, hoursLeftOut: 20, incidents: ["inc_1"] });
  expect((await baselineOf("call_volume", "s/t", atMs)).own).toMatchObject({ centre: 100, hours: 40 });
  // It was about a tool, so its server's hours are left out too, and nobody else's.
  expect((await baselineOf("error_rate", "s", atMs)).own.hoursLeftOut).toBe(20);
  for (const other of ["other", "a"]) expect((await baselineOf("error_rate", other, atMs)).own.hoursLeftOut, other).toBe(0);
  // Before it was known to be over, it went on; before it was known at all, it was not left out.
  expect((await baselineOf("error_rate", "s/t", t0 + 52 * hour)).own).toMatchObject({ hours: 30, hoursLeftOut: 22 });
  expect((await baselineOf("error_rate", "s/t", atMs, { asOfMs: t0 + 30 * hour })).own.hoursLeftOut).toBe(0);
});

test("an incident without an alert is about its calls, and one that nobody ends is left out for three days", async () => {
  await insertCalls(store, [
    ...hourly(t0, t0 + 10 * day, () => 10),
    { atMs: t0 + 2 * day, agent: "a", server: "s", tool: "t", producer: "p-9", seq: 77 },
    ...hourly(t0, t0 + 10 * day, () => 10, { agent: "b", tool: "u" }),
  ]);
  await incident("inc_2", [
    { step: "opened", atMs: t0 + 3 * day },
    { step: "detected", atMs: t0 + 3 * day },
    { step: "cause_identified", atMs: t0 + 4 * day, callIds: ["p-9-77"] },
  ]);
  await incident("inc_3", [{ step: "opened", atMs: t0 + 7 * day }, { step: "detected", atMs: t0 + 7 * day }]);
  // From its first call on, for three days after it was detected.
  const atMs = t0 + 10 * day;
  expect((await baselineOf("call_volume", "a", atMs)).own).toMatchObject({ hoursLeftOut: 4 * 24, incidents: ["inc_2"] });
  expect((await baselineOf("call_volume", "s/t", atMs)).own.hoursLeftOut).toBe(4 * 24);
  expect((await baselineOf("call_volume", "b", atMs)).own.hoursLeftOut).toBe(0);
  expect((await baselineOf("call_volume", "s/u", atMs)).own.hoursLeftOut).toBe(0);
});

test("the jobs keep what they learnt, from when to when, at which level and with which weight", async () => {
  await insertCalls(store, hourly(t0, t0 + 9 * day, () => 10, { taskClass: "c", upstreamMs: 40 }));
  const jobs = createJobs(analyticsConfigSchema.parse({ enabled: ["baselines", "time-baselines"] }));
  const { runs } = await runJobsOver({ jobs, store, fromMs: t0 + 8 * day - hour, toMs: t0 + 8 * day + hour });
  expect(runs.map((run) => run.status)).toEqual(["ok", "ok", "ok", "ok"]);
  const rows = await store.query<Record<string, unknown>>("SELECT * FROM baselines FINAL WHERE metric = 'upstream_ms' ORDER BY learnt_to, entity_kind");
  expect(rows.map((r) => [r.entity_kind, r.learnt_to])).toEqual([0, 1].flatMap((h) => ["all", "server", "tool"].map((kind) => [kind, new Date(t0 + 8 * day + h * hour).toISOString()])));
  expect(rows.find((r) => r.entity_kind === "tool")).toMatchObject({
    entity: "s/t", learnt_from: "2026-01-05T00:00:00.000Z", hour: "2026-01-13T00:00:00Z", n: "192", hours_alike: 8, calls: "192", level: "hour_of_day", model_version: "2",
    centre: 40, own_centre: 40, parent_kind: "server", parent: "s", parent_centre: 40, spread: 0.8, shifted_at: null, hours_left_out: 0, incidents: [],
    method: "median +/- scaled MAD, hour of the day; spread at its floor; 66% its own, the rest of server s",
  });
  const kinds = await store.query<{ kinds: string[] }>("SELECT arraySort(groupUniqArray(entity_kind)) AS kinds FROM baselines FINAL GROUP BY hour ORDER BY hour");
  expect(kinds.map((row) => row.kinds)).toEqual([0, 1].map(() => ["agent", "all", "server", "task_class", "tool"]));
});

test("pairs are learnt once a day, a slice every five minutes of the day's first hour, and are then what they are when all are learnt at once", async () => {
  const agents = ["a", "b", "c"];
  const calls = agents.flatMap((agent, i) =>
    ["s", "u", "v", "w"].flatMap((server, j) => hourly(t0, t0 + 9 * day, (at) => 1 + ((at / hour + i + j) % 4), { agent, server, tool: j % 2 === 0 ? "t" : "x", taskClass: `class-${i}`, denied: (i + j) % 3 === 0 })),
  );
  await insertCalls(store, calls.sort((a, b) => a.atMs - b.atMs));
  const atMs = t0 + 8 * day;
  const [job] = createJobs(analyticsConfigSchema.parse({ enabled: ["pair-baselines"] }));
  const { runs } = await runJobsOver({ jobs: [job!], store, fromMs: atMs - hour, toMs: atMs + 2 * hour });
  expect(new Set(runs.map((run) => run.status))).toEqual(new Set(["ok"]));
  const stored = await store.query<Record<string, unknown>>("SELECT metric, entity_kind, entity, hour, centre, spread, parent_centre, weight FROM baselines FINAL ORDER BY metric, entity_kind, entity");
  const all = (await readBaselines(store, { atMs, untilMs: atMs, asOfMs: atMs }, config.baselines)).filter(({ own }) => own.kind.includes("_") && own.kind !== "task_class");
  const key = (metric: string, kind: string, entity: string) => `${metric} ${kind} ${entity}`;
  const expected = all.map((b) => ({ key: key(b.own.metric, b.own.kind, b.own.entity), hour: "2026-01-13T00:00:00Z", centre: b.centre, spread: b.spread, parent_centre: b.parentCentre, weight: b.weight }));
  // Three kinds of twelve pairs each, a third of which is always denied and so never fails.
  expect(expected.length).toBe(3 * (12 + 12 + 8));
  expect(stored.map(({ metric, entity_kind, entity, ...rest }) => ({ key: key(metric as string, entity_kind as string, entity as string), ...rest }))).toEqual(expected.sort((a, b) => (a.key < b.key ? -1 : 1)));
  // Each slice has its own, and some pairs are in another one than others.
  const busy = runs.filter((run) => run.rows > 0).map((run) => (run.window.toMs - atMs) / (5 * minute));
  expect(busy).toEqual(Array.from({ length: 12 }, (_, i) => i));
});

test("signalbox baseline says what is usual, from which data, since when and why, and that a cold start is one", async () => {
  const shiftMs = t0 + 20 * day;
  await insertCalls(store, [
    ...hourly(t0, t0 + 29 * day, (atMs) => (atMs < shiftMs ? 20 : 100), { upstreamMs: 40 }),
    ...hourly(t0 + 28 * day, t0 + 29 * day, () => 20, { agent: "new", server: "twin", tool: "x" }),
    ...hourly(t0 + 28 * day, t0 + 29 * day, () => 20, { agent: "twin", server: "twin", tool: "x" }),
  ]);
  const dir = mkdtempSync(join(tmpdir(), "signalbox-baseline-"));
  writeFileSync(join(dir, "signalbox.yaml"), `store:\n  url: ${engine.url}\n`);
  const run = async (...args: string[]): Promise<string> => {
    const { context, lines } = commandContext(dir, t0 + 29 * day + 10 * hour);
    const program = new Command("signalbox").exitOverride().configureOutput({ writeErr: () => undefined });
    registerAnalytics(program, context);
    await program.parseAsync(["baseline", ...args], { from: "user" });
    return lines.join("\n");
  };
  try {
    const text = await run("a", "--metric", "call_volume", "--at", "2026-02-03T00:00:00Z");
    expect(text.split("\n")).toEqual([
      "Usual for agent a in the hour from 2026-02-03 00:00 UTC (model 2)",
      "",
      "  metric       centre       spread            p05          p50          p95          p99",
      expect.stringMatching(/^ {2}call_volume {2}100 calls\/h {2}\+\/- 10\.0 calls\/h {2}100 calls\/h {2}100 calls\/h {2}100 calls\/h {2}100 calls\/h$/),
      "",
      "  call_volume: learnt from 216 hours, 2026-01-25 00:00 to 2026-02-03 00:00",
      "    compared with 9 hours: hour of the day (hour of the week needs 672 hours of history, and there are 216)",
      "    weight 1.00: its own 100 calls/h, everything 33.3 calls/h (an even share of it)",
      "    the level shifted on 2026-01-25 00:00, from 20 calls/h to 100 calls/h; nothing older counts",
      "    its hours hardly differ: the spread is the least that is believed",
    ]);
    expect(await run("new", "--at", "2026-02-03T00:00:00Z")).toContain("cold start: 24 hours are known; no detector of volumes says anything yet");
    const answers = JSON.parse(await run("s/t", "--json", "--at", "2026-02-03T00:00:00Z")) as Record<string, unknown>[];
    expect(answers.map((a) => a.metric)).toEqual(["call_volume", "denial_rate", "error_rate", "upstream_ms", "upstream_p95_ms"]);
    expect(answers[3]).toMatchObject({ kind: "tool", centre: 40, level: "hour_of_week", coldStart: false, learntFromMs: t0, learntToMs: t0 + 29 * day, hours: 29 * 24, hoursAlike: 4, calls: 696, parent: "s", shift: null });
    // A time to come is answered from what there is now.
    expect(JSON.parse(await run("a", "--json", "--metric", "call_volume", "--at", "2026-02-05T12:00:00Z"))).toMatchObject([{ learntToMs: t0 + 29 * day + 10 * hour, hourMs: Date.UTC(2026, 1, 5, 12) }]);
    expect(JSON.parse(await run("a@s/t", "--json", "--metric", "error_rate", "--at", "2026-02-03T00:00:00Z"))).toMatchObject([{ kind: "agent_tool", parentKind: "tool", parent: "s/t" }]);
    await expect(run("twin")).rejects.toThrow('"twin" is the name of agent and server');
    expect(JSON.parse(await run("twin", "--kind", "agent", "--json"))).toHaveLength(3);
    await expect(run("nobody")).rejects.toThrow('nothing was recorded of an entity "nobody"');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
