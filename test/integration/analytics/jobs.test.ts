import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { analyticsConfigSchema, createJobs, createRunLog, createScheduler, jobs, readFindings, runJobsOver, type Finding } from "../../../analytics/index.ts";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import type { Store } from "../../../collector/store/client.ts";
import { clear, expectReproduced, hour, insertCalls, minute, startTestStore, type SeedCall, type TestStore } from "./seed.ts";
import { deniedAttempts, hijackedTask, ordinaryTraffic, slowed } from "./traffic.ts";

const t0 = Date.UTC(2026, 0, 5, 10);
let engine: TestStore;
let store: Store;

beforeAll(async () => {
  engine = await startTestStore();
  store = engine.store;
});
beforeEach(() => clear(store));
afterAll(() => engine?.stop());

const detectors = jobs.filter((job) => !/baselines$/.test(job.name) && job.name !== "leadership-metrics");

test("two and a half hours of work with three disturbances give these three, with evidence, and the same when run again", async () => {
  const disturbed = [
    ...slowed(ordinaryTraffic(t0, t0 + 150 * minute, 1), "github", t0 + 95 * minute, t0 + 115 * minute),
    ...deniedAttempts(t0 + 121 * minute, t0 + 131 * minute),
    ...hijackedTask(t0 + 141 * minute),
  ].sort((a, b) => a.atMs - b.atMs);
  await insertCalls(store, disturbed);
  const over = { jobs: detectors, store, fromMs: t0 + 85 * minute, toMs: t0 + 150 * minute };
  const { runs, findings } = await runJobsOver(over);
  expect(runs.filter((run) => run.status === "error")).toEqual([]);

  const entities = (detector: Finding["detector"]): string[] => findings.filter((f) => f.detector === detector).map((f) => f.entity);
  expect(new Set(entities("latency_drift"))).toEqual(new Set(["github"]));
  expect(new Set(entities("denial_spike"))).toEqual(new Set(["doc-bot"]));
  expect(entities("unusual_sequence")).toEqual(["inbox-hijacked"]);
  expect(entities("sequence_gap")).toEqual([]);

  const denials = findings.find((f) => f.detector === "denial_spike")!;
  expect(denials).toMatchObject({ severity: "page", entityKind: "agent", unit: "denials", windowEndMs: t0 + 125 * minute });
  expect(denials.contributors).toContainEqual(expect.objectContaining({ dimension: "tool", value: "files/write" }));
  expect(denials.contributors[0]).toMatchObject({ dimension: "policy", value: "no-writes-outside-docs", windowShare: 1, baselineShare: 0 });
  expect(denials.title).toMatch(/^Denials on doc-bot: \d+ vs \d\.\d\d expected \(\d+x, 12:00-12:05 UTC\)$/);

  const drift = findings.find((f) => f.detector === "latency_drift")!;
  expect(drift.actual).toBeGreaterThan(50);
  expect(drift.expected).toBeLessThan(10);
  expect(drift.summary).toMatch(/ ms that were added at p50, [\d.]+ ms are the upstream's, 0 ms the proxy's own\. /);

  const unusual = findings.find((f) => f.detector === "unusual_sequence")!;
  expect(unusual).toMatchObject({ severity: "page", agent: "inbox-bot", taskClass: "inbox", actual: 1, expected: 0 });
  expect(unusual.summary).toContain("no task of this class has ever done that after such a read");
  const [worst] = await store.query<{ tool: string }>("SELECT tool FROM calls WHERE call_id = {id:String}", { id: unusual.callIds.at(-1)! });
  expect(["send", "delete"]).toContain(worst!.tool);

  await expectReproduced(store, findings);
  const stored = await readFindings(store, over);
  expect(stored.map((f) => f.findingId).sort()).toEqual(findings.map((f) => f.findingId).sort());
  const again = await runJobsOver(over);
  expect(again.findings).toEqual(findings);
  expect(await readFindings(store, over)).toEqual(stored);
  for (const id of findings.flatMap((f) => f.callIds)) {
    expect(await store.query("SELECT 1 FROM calls WHERE call_id = {id:String}", { id }), id).toHaveLength(1);
  }
}, 180_000);

test("ordinary work raises nothing", async () => {
  await insertCalls(store, ordinaryTraffic(t0, t0 + 75 * minute, 2));
  const { runs, findings } = await runJobsOver({ jobs: detectors, store, fromMs: t0, toMs: t0 + 75 * minute });
  expect(runs.filter((run) => run.status === "error")).toEqual([]);
  expect(findings.map((f) => f.title)).toEqual([]);
}, 180_000);

test("a tool that begins to refuse every agent is one finding, of the tool", async () => {
  const calls = ordinaryTraffic(t0, t0 + 100 * minute, 3);
  const agents = ["triage-bot", "doc-bot", "inbox-bot", "release-bot"];
  for (let i = 0; i < 40; i++) {
    calls.push({ atMs: t0 + 95 * minute + i * 7000, agent: agents[i % 4]!, taskClass: "x", taskId: `x${i}`, server: "files", tool: "list", denied: true, policyIds: ["closed-for-migration"] });
  }
  await insertCalls(store, calls);
  const { findings } = await runJobsOver({ jobs: detectors.filter((job) => job.name === "denial-spikes"), store, fromMs: t0 + 95 * minute, toMs: t0 + 100 * minute });
  expect(findings.map((f) => [f.entityKind, f.entity])).toEqual([["tool", "files/list"]]);
  expect(findings[0]!.contributors.map((c) => c.value)).toContain("closed-for-migration");
  await expectReproduced(store, findings);
});

test("a finding on a short history says that it is one and wakes nobody", async () => {
  const calls = ordinaryTraffic(t0 + 10 * minute, t0 + 50 * minute, 4);
  await insertCalls(store, [...calls, ...deniedAttempts(t0 + 45 * minute, t0 + 50 * minute)]);
  const { findings } = await runJobsOver({ jobs: detectors, store, fromMs: t0 + 45 * minute, toMs: t0 + 50 * minute });
  const [denials] = findings.filter((f) => f.detector === "denial_spike");
  expect(denials).toMatchObject({ severity: "ticket", dataHealth: { degraded: true } });
  expect(denials!.summary).toContain("cold start");
});

test("an empty store gives runs without findings and no errors", async () => {
  const { runs, findings } = await runJobsOver({ jobs, store, fromMs: t0, toMs: t0 + hour });
  expect(runs.filter((run) => run.status === "error")).toEqual([]);
  expect(runs.length).toBeGreaterThan(40);
  expect(findings).toEqual([]);
});

test("records that a producer numbered and the store doesn't have are found, once they should be there", async () => {
  const call = (seq: number, atMs: number, over: Partial<SeedCall> = {}): SeedCall => ({ seq, atMs, agent: "a", server: "s", tool: "t", ...over });
  const calls: SeedCall[] = [];
  for (let i = 0; i < 100; i++) {
    if (i !== 20 && i !== 70 && i !== 71) calls.push(call(1001 + i, t0 + i * 6000));
    calls.push(call(1 + i, t0 + i * 6000, { producer: "whole" }));
  }
  // A slow call: received in the first window, finished and numbered in the second.
  calls.push(call(1101, t0 + 4 * minute, { upstreamMs: 7 * minute }));
  await insertCalls(store, calls);
  const gaps = detectors.filter((job) => job.name === "sequence-gaps");
  const { findings } = await runJobsOver({ jobs: gaps, store, fromMs: t0, toMs: t0 + 15 * minute });
  expect(findings.map((f) => [f.entity, f.windowEndMs - t0, f.actual, f.expected])).toEqual([
    ["p1", 5 * minute, 49, 50],
    ["p1", 10 * minute, 48, 50],
  ]);
  expect(findings[1]).toMatchObject({ severity: "page", callIds: ["p1-1070", "p1-1073"], score: 2 });
  expect(findings[1]!.summary).toContain("numbered 1051 to 1100 are not stored: 1071-1072.");
  await expectReproduced(store, findings);
});

test("calls that were let through unrecorded are a finding that says how many, whose and when", async () => {
  const step = 5 * minute;
  const nowMs = Date.now();
  const count = (seq: number, agent: string, attempts: number, changes: Partial<SeedCall> = {}): SeedCall => ({ atMs: nowMs - 20 * minute, agent, server: "files", tool: "", producer: "p8", seq, columns: { attempts, outcome: "unrecorded", error_type: agent === "b" ? "unrecorded_at_least" : "unrecorded" }, ...changes });
  await insertCalls(store, [count(1, "a", 30), count(2, "b", 12, { atMs: nowMs - 10 * minute }), { atMs: nowMs, agent: "a", server: "files", tool: "list", producer: "p8", seq: 3 }]);
  const [stored] = await store.query<{ at: string }>("SELECT toString(toUnixTimestamp64Milli(max(stored_at))) AS at FROM calls");
  const toMs = (Math.floor(Number(stored!.at) / step) + 1) * step;
  const { findings } = await runJobsOver({ jobs: detectors.filter((job) => job.name === "sequence-gaps"), store, fromMs: toMs - step, toMs });
  const found = findings.filter((f) => f.detector === "unrecorded_calls");
  expect(found).toMatchObject([{ entity: "p8", actual: 42, expected: 0, severity: "page", callIds: ["p8-1"] }]);
  expect(found[0]!.summary).toContain(`let at least 42 calls through from ${new Date(nowMs - 20 * minute).toISOString()}`);
  expect(found[0]!.summary).toContain("a at files, b at files");
  await expectReproduced(store, found);
});

test("records that come in late or twice are findings, and every window's figures are kept", async () => {
  const step = 5 * minute;
  const gaps = detectors.filter((job) => job.name === "sequence-gaps");
  const nowMs = Date.now();
  const call = (seq: number, ageMs: number): SeedCall => ({ atMs: nowMs - ageMs, agent: "a", server: "files", tool: "list", producer: "p7", seq });
  // One insert comes in at one time, which is the store's to say.
  await insertCalls(store, [call(1, 40 * minute), call(2, 20 * minute), call(3, 1000), call(4, 900), call(4, 900)]);
  const [stored] = await store.query<{ at: string }>("SELECT toString(toUnixTimestamp64Milli(max(stored_at))) AS at FROM calls");
  const toMs = (Math.floor(Number(stored!.at) / step) + 1) * step;
  const { findings } = await runJobsOver({ jobs: gaps, store, fromMs: toMs - step, toMs });
  const of = (detector: Finding["detector"]) => findings.filter((f) => f.detector === detector);
  expect(of("late_record")).toMatchObject([{ entity: "p7", actual: 2, expected: 0, severity: "ticket", sampleSize: 5, callIds: ["p7-1"] }]);
  expect(of("late_record")[0]!.summary).toMatch(/^2 of the 5 records .* stored more than 300 s after their calls ended, p7-1 24\d\d s after/);
  expect(of("sequence_gap")).toEqual([]);
  await expectReproduced(store, findings);
  const figures = await store.query<Record<string, unknown>>("SELECT producer, arrived, late, missing FROM audit_completeness FINAL WHERE window_end = fromUnixTimestamp64Milli({to:Int64}, 'UTC')", { to: toMs });
  expect(figures).toEqual([{ producer: "p7", arrived: "5", late: "2", missing: "0" }]);

  // The window in which the repeated one ended, whichever side of a window's end that was.
  const endedMs = (Math.floor((nowMs - 899) / step) + 1) * step;
  const { findings: then } = await runJobsOver({ jobs: gaps, store, fromMs: endedMs - step, toMs: endedMs });
  expect(then.filter((f) => f.detector === "duplicate_record")).toMatchObject([{ entity: "p7", actual: 1, expected: 0, severity: "ticket", callIds: ["p7-4"] }]);
  await expectReproduced(store, then);
  await runJobsOver({ jobs: gaps, store, fromMs: endedMs - step, toMs: endedMs });
  const again = await store.query<{ n: string }>("SELECT count() AS n FROM audit_completeness FINAL WHERE window_end = fromUnixTimestamp64Milli({to:Int64}, 'UTC')", { to: endedMs });
  expect(again).toEqual([{ n: "1" }]);
});

test("a replay of the past knows nothing of when its rows were loaded", async () => {
  await insertCalls(store, ordinaryTraffic(t0, t0 + 10 * minute, 8));
  const gaps = detectors.filter((job) => job.name === "sequence-gaps");
  const { findings } = await runJobsOver({ jobs: gaps, store, fromMs: t0, toMs: t0 + 10 * minute });
  expect(findings).toEqual([]);
  const rows = await store.query<{ arrived: string; stored: string }>("SELECT arrived, stored FROM audit_completeness FINAL ORDER BY window_end");
  expect(rows.map((row) => row.arrived)).toEqual(rows.map(() => "0"));
  expect(rows.every((row) => Number(row.stored) > 0)).toBe(true);
});

test("a scheduler that was down goes on after its last window, as its runs in the store say", async () => {
  await insertCalls(store, ordinaryTraffic(t0, t0 + hour, 6));
  const [job] = createJobs(analyticsConfigSchema.parse({ enabled: ["denial-spikes"] }));
  const clock = manualClock(t0 + 21 * minute);
  const start = () => createScheduler({ jobs: [job!], store, log: createRunLog(store), clock, logger: silentLogger, maxCatchUpMs: hour, stopDeadlineMs: 10_000 });
  const first = start();
  expect((await first.runDue(job!)).map((run) => run.window.toMs)).toEqual([t0 + 20 * minute]);
  await first.stop();
  clock.advanceMs(15 * minute);
  const second = start();
  expect((await second.runDue(job!)).map((run) => run.window.toMs)).toEqual([25, 30, 35].map((m) => t0 + m * minute));
  await second.stop();
  const rows = await store.query<{ status: string; window_end: string; rows_read: string }>("SELECT status, window_end, rows_read FROM job_runs FINAL ORDER BY window_end");
  expect(rows.map((row) => [row.status, row.window_end])).toEqual(["10:20", "10:25", "10:30", "10:35"].map((time) => ["ok", `2026-01-05T${time}:00.000Z`]));
  expect(Number(rows[0]!.rows_read)).toBeGreaterThan(0);
});
