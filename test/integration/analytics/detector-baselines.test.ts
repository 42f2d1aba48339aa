import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { analyticsConfigSchema, createJobs, runJobsOver, type Finding } from "../../../analytics/index.ts";
import type { Store } from "../../../collector/store/client.ts";
import { clear, expectReproduced, hour, insertCalls, minute, startTestStore, type SeedCall, type TestStore } from "./seed.ts";

const day = 24 * hour;
/** A Monday. */
const t0 = Date.UTC(2026, 0, 5);
const jobs = createJobs(analyticsConfigSchema.parse({}));

let engine: TestStore;
let store: Store;
beforeAll(async () => {
  engine = await startTestStore();
  store = engine.store;
});
beforeEach(() => clear(store));
afterAll(() => engine?.stop());

interface Plan {
  agent?: string;
  fromMs: number;
  toMs: number;
  stepMs: number;
  calls(atMs: number): number;
  /** Of these calls, denied or failed. */
  hits?(atMs: number): number;
  hit?: Partial<SeedCall>;
}

/** Calls as records of many attempts, one and another for those that are hits, a step. */
function traffic({ agent = "a", fromMs, toMs, stepMs, calls, hits = () => 0, hit = {} }: Plan): SeedCall[] {
  const all: SeedCall[] = [];
  for (let atMs = fromMs; atMs < toMs; atMs += stepMs) {
    const [n, h] = [calls(atMs), hits(atMs)];
    if (n - h > 0) all.push({ atMs, agent, server: "s", tool: "t", columns: { attempts: n - h } });
    if (h > 0) all.push({ atMs, agent, server: "s", tool: "t", ...hit, columns: { attempts: h, ...hit.columns } });
  }
  return all;
}

async function found(job: string, toMs: number, windows = 1): Promise<Finding[]> {
  const one = jobs.find((j) => j.name === job)!;
  const { runs, findings } = await runJobsOver({ jobs: [one], store, fromMs: toMs - windows * one.stepMs, toMs });
  expect(runs.map((run) => run.error)).toEqual(new Array(windows).fill(""));
  await expectReproduced(store, findings);
  return findings;
}

async function incident(id: string, fromMs: number, toMs: number, callId: string): Promise<void> {
  const iso = (ms: number): string => new Date(ms).toISOString();
  const step = (name: string, atMs: number, callIds: string[] = []) => ({ incident_id: id, step: name, occurred_at: iso(atMs), recorded_at: iso(toMs), actor: "ada", alert_id: "", call_ids: callIds, title: "", severity: "ticket", initiator: "unknown", cause: "", note: "", drill: false });
  await store.insert("incident_events", [step("opened", fromMs), step("detected", fromMs), step("cause_identified", fromMs, [callId]), step("resolved", toMs)]);
}

test("a new level of denials is news for three days, and what is usual from then on", async () => {
  const shiftMs = t0 + 7 * day;
  const rate = (atMs: number): number => (atMs < shiftMs ? 0 : 8);
  await insertCalls(store, traffic({ fromMs: t0, toMs: t0 + 11 * day, stepMs: 5 * minute, calls: () => 20, hits: rate, hit: { denied: true } }));
  const at = async (ms: number): Promise<string[]> => (await found("denial-spikes", ms)).map((f) => f.entity).sort();
  expect(await at(shiftMs - 5 * minute)).toEqual([]);
  expect(await at(shiftMs + 5 * minute)).not.toEqual([]);
  expect(await at(shiftMs + 12 * hour)).not.toEqual([]);
  expect(await at(shiftMs + 3 * day + 5 * minute)).toEqual([]);
  expect(await at(shiftMs + 4 * day)).toEqual([]);
});

test("after a known incident the same again is a spike, which before it was known as one it is not", async () => {
  // Two days of 60% errors from the second day on, and the same again on the seventh.
  const bad = (atMs: number): boolean => (atMs >= t0 + day && atMs < t0 + 3 * day) || atMs >= t0 + 6 * day;
  const calls = traffic({ fromMs: t0, toMs: t0 + 6 * day + 30 * minute, stepMs: 5 * minute, calls: () => 20, hits: (atMs) => (bad(atMs) ? 12 : 0), hit: { columns: { outcome: "tool_error" } } });
  await insertCalls(store, calls);
  const toMs = t0 + 6 * day + 5 * minute;
  expect(await found("error-spikes", toMs)).toEqual([]);
  const first = calls.findIndex((call) => call.atMs === t0 + day);
  await incident("inc_a", t0 + day, t0 + 3 * day, `p1-${first + 1}`);
  const again = await found("error-spikes", toMs);
  expect(again.map((f) => [f.entityKind, f.entity, f.actual])).toEqual([["tool", "s/t", 12]]);
  // Four days less half an hour of 20 calls in five minutes and no error: half an error in ten calls more.
  expect(again[0]!.expected).toBeCloseTo((20 * 0.5) / ((4 * 288 - 5) * 20 + 10), 9);
});

test("a surge that was an incident doesn't hide the next one", async () => {
  const surge = (atMs: number): boolean => atMs === t0 + 10 * day + 10 * hour || atMs === t0 + 16 * day + 10 * hour;
  const calls = traffic({ fromMs: t0, toMs: t0 + 17 * day, stepMs: hour, calls: (atMs) => (surge(atMs) ? 900 : 50 + ((atMs / hour) % 5)) });
  await insertCalls(store, calls);
  const toMs = t0 + 16 * day + 11 * hour;
  expect(await found("volume", toMs)).toEqual([]);
  await incident("inc_b", t0 + 10 * day + 10 * hour, t0 + 10 * day + 11 * hour, `p1-${calls.findIndex((call) => surge(call.atMs)) + 1}`);
  const again = await found("volume", toMs);
  expect(again.map((f) => [f.detector, f.entity, f.actual])).toEqual([["volume", "a", 900], ["volume", "s", 900]]);
  expect(again[0]!.summary).toContain("1 hours of known incidents (inc_b) are left out");
});

test("a weekly batch is told until it is known as one; a cold start gives no finding of volume", async () => {
  const batch = (atMs: number): boolean => new Date(atMs).getUTCDay() === 2 && new Date(atMs).getUTCHours() === 9;
  await insertCalls(store, [
    ...traffic({ fromMs: t0, toMs: t0 + 31 * day, stepMs: hour, calls: (atMs) => (batch(atMs) ? 500 : 50) }),
    ...traffic({ agent: "new", fromMs: t0 + 29 * day, toMs: t0 + 31 * day - 2 * hour, stepMs: hour, calls: (atMs) => (atMs === t0 + 30 * day + 21 * hour ? 5000 : 20) }),
  ]);
  expect(await found("volume", t0 + 29 * day + 10 * hour)).toEqual([]);
  const surges = await found("volume", t0 + 30 * day + 22 * hour);
  expect(surges.map((f) => [f.entityKind, f.entity])).toEqual([["server", "s"]]);
  expect(surges[0]!.summary).toMatch(/is the median of 4 weeks at the same hour of the week/);
  expect(surges[0]).toMatchObject({ actual: 5050, expected: 50 });
});

test("a batch that is slow every night is no drift once its hours are known, and the same by day is one", async () => {
  const slow = (atMs: number): boolean => new Date(atMs).getUTCHours() === 2;
  const calls = (days: number, over: (atMs: number) => boolean): SeedCall[] => {
    const all: SeedCall[] = [];
    for (let atMs = t0; atMs < t0 + days * day; atMs += 5 * minute) {
      for (let i = 0; i < 6; i++) all.push({ atMs: atMs + i * 1000, agent: "a", server: "s", tool: "t", upstreamMs: (over(atMs) ? 80 : 10) + i });
    }
    return all;
  };
  await insertCalls(store, calls(10, (atMs) => slow(atMs) || atMs >= t0 + 9 * day + 14 * hour));
  const at = async (ms: number): Promise<string[]> => (await found("latency-drift", ms)).map((f) => f.entity);
  // After three days only the day before is known; after nine, the hour.
  expect(await at(t0 + 3 * day + 2 * hour + 15 * minute)).toEqual(["s/t"]);
  expect(await at(t0 + 9 * day + 2 * hour + 15 * minute)).toEqual([]);
  expect(await at(t0 + 9 * day + 14 * hour + 15 * minute)).toEqual(["s/t"]);
});

test("what was slow in a known incident is not what answers are compared with", async () => {
  const bad = (atMs: number): boolean => (atMs >= t0 + 6 * hour && atMs < t0 + 20 * hour) || atMs >= t0 + 24 * hour;
  const calls: SeedCall[] = [];
  for (let atMs = t0; atMs < t0 + 24 * hour + 10 * minute; atMs += 5 * minute) {
    for (let i = 0; i < 6; i++) calls.push({ atMs: atMs + i * 1000, agent: "a", server: "s", tool: "t", upstreamMs: (bad(atMs) ? 80 : 10) + i });
  }
  await insertCalls(store, calls);
  const toMs = t0 + 24 * hour + 10 * minute;
  expect(await found("latency-drift", toMs)).toEqual([]);
  await incident("inc_c", t0 + 6 * hour, t0 + 20 * hour, `p1-${calls.findIndex((call) => call.atMs >= t0 + 6 * hour) + 1}`);
  const [again] = await found("latency-drift", toMs);
  // Ten hours of 10 to 15 ms, of which the engine's exact median is the fourth of six.
  expect(again).toMatchObject({ entity: "s/t", actual: 83, expected: 13 });
});

test("calls that queue in the proxy are told from an upstream that is slow, with both times, and the finding's SQL gives them again", async () => {
  const toMs = t0 + 24 * hour + 10 * minute;
  const calls: SeedCall[] = [];
  for (let atMs = t0; atMs < toMs; atMs += 5 * minute) {
    const late = atMs >= t0 + 24 * hour;
    for (let i = 0; i < 6; i++) {
      calls.push({ atMs: atMs + i * 1000, agent: "a", server: "queued", tool: "t", upstreamMs: 10 + i, proxyUs: (late ? 50_000 : 300) + 100 * i });
      calls.push({ atMs: atMs + i * 1000, agent: "a", server: "slow", tool: "t", upstreamMs: (late ? 80 : 10) + i });
    }
  }
  await insertCalls(store, calls);
  const findings = await found("latency-drift", toMs);
  // A median of six exact values is the fourth.
  expect(findings.map((f) => [f.entity, f.actual, f.expected])).toEqual([["slow/t", 83, 13], ["queued/t", 50.3, 0.6]]);
  const [slow, queued] = findings;
  expect(slow!.title).toMatch(/^Upstream p50 on slow\/t: 83 ms vs 13 ms expected/);
  expect(slow!.summary).toContain("Of 70 ms that were added at p50, 70 ms are the upstream's, 0 ms the proxy's own.");
  expect(queued!.title).toMatch(/^Proxy's own time \(queueing\) p50 on queued\/t: 50\.3 ms vs 0\.60 ms expected/);
  expect(queued!.summary).toContain("Of 49.7 ms that were added at p50, 49.7 ms are the proxy's own: calls queue or are worked on here, 0 ms the upstream's.");
  const [row] = await store.query(queued!.evidenceSql, queued!.evidenceParams);
  expect(row).toMatchObject({ actual: 50.3, expected: 0.6, upstream_ms: 13, baseline_upstream_ms: 13, proxy_ms: 50.3, baseline_proxy_ms: 0.6 });
  await expectReproduced(store, findings);
});
