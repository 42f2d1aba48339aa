import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { jobs, readFindings, runJobsOver, type Finding } from "../../../analytics/index.ts";
import type { Store } from "../../../collector/store/client.ts";
import { randomFrom } from "../../support/random.ts";
import { clear, expectReproduced, hour, insertCalls, minute, startTestStore, type SeedCall, type TestStore } from "./seed.ts";
import { ordinaryTraffic } from "./traffic.ts";

const t0 = Date.UTC(2026, 0, 5, 10);
const day = 24 * hour;
let engine: TestStore;
let store: Store;

beforeAll(async () => {
  engine = await startTestStore();
  store = engine.store;
});
beforeEach(() => clear(store));
afterAll(() => engine?.stop());

/** Runs one job over windows that end in (fromMs, toMs]. Where it found something it must find the same once more. */
async function found(job: string, fromMs: number, toMs: number): Promise<Finding[]> {
  const over = { jobs: jobs.filter((j) => j.name === job), store, fromMs, toMs };
  const { runs, findings } = await runJobsOver(over);
  expect(runs.filter((run) => run.status === "error")).toEqual([]);
  expect(runs.length).toBeGreaterThan(0);
  await expectReproduced(store, findings);
  for (const toMs of new Set(findings.map((f) => f.windowEndMs))) {
    const again = await runJobsOver({ ...over, fromMs: toMs - 1, toMs });
    expect(again.findings).toEqual(findings.filter((f) => f.windowEndMs === toMs));
  }
  return findings;
}

const sorted = (calls: SeedCall[]): SeedCall[] => calls.sort((a, b) => a.atMs - b.atMs);
const failed = (type: string) => ({ outcome: type === "tool_error" ? "tool_error" : "transport_error", error_type: type });

test("one tool that begins to fail is that tool's finding, and says with which errors and after which release", async () => {
  const calls = ordinaryTraffic(t0, t0 + 120 * minute, 11).map((call, i): SeedCall => {
    const released = call.server === "files" && call.atMs >= t0 + 100 * minute;
    const breaks = (released && call.tool === "read") || i % 100 === 0;
    return { ...call, columns: { server_version: released ? "2.0.0" : "1.0.0", ...(breaks && !call.denied ? failed(released ? "ECONNRESET" : "tool_error") : {}) } };
  });
  await insertCalls(store, sorted(calls));
  const findings = await found("error-spikes", t0 + 85 * minute, t0 + 110 * minute);
  expect(new Set(findings.map((f) => `${f.entityKind} ${f.entity}`))).toEqual(new Set(["tool files/read"]));
  const [first] = findings;
  expect(first).toMatchObject({ detector: "error_spike", severity: "page", unit: "errors", windowEndMs: t0 + 105 * minute });
  expect(first!.contributors).toContainEqual(expect.objectContaining({ dimension: "error_type", value: "ECONNRESET", baselineShare: 0 }));
  expect(first!.contributors).toContainEqual(expect.objectContaining({ dimension: "server_version", value: "2.0.0", windowShare: 1 }));
  expect(first!.summary).toMatch(/Changed near it \(UTC\): 11:40 version of files 2\.0\.0\.$/);
});

test("a server of which every tool fails is one finding, of the server", async () => {
  const calls = ordinaryTraffic(t0, t0 + 120 * minute, 12).map((call): SeedCall =>
    call.server === "files" && call.atMs >= t0 + 100 * minute && !call.denied ? { ...call, columns: failed("timeout") } : call,
  );
  await insertCalls(store, sorted(calls));
  const findings = await found("error-spikes", t0 + 100 * minute, t0 + 105 * minute);
  expect(findings.map((f) => `${f.entityKind} ${f.entity}`)).toEqual(["server files"]);
  expect(findings[0]!.contributors.map((c) => c.dimension)).toContain("tool");
});

/** Three weeks of one agent's weekdays from eight to eighteen, some calls an hour; nothing at night and on weekends. */
function officeHours(fromMs: number, days: number, perHour: number, seed: number): SeedCall[] {
  const random = randomFrom(seed);
  return Array.from({ length: days * 24 }, (_, i) => fromMs + i * hour).flatMap((atMs) => {
    const at = new Date(atMs);
    if (at.getUTCDay() % 6 === 0 || at.getUTCHours() < 8 || at.getUTCHours() >= 18) return [];
    const calls = Math.round(perHour * (0.7 + 0.6 * random()));
    return Array.from({ length: calls }, (): SeedCall => ({ atMs: Math.floor(atMs + random() * hour), agent: "clerk", taskClass: "desk", server: "files", tool: random() < 0.7 ? "list" : "read" }));
  });
}

test("an hour with many times its calls and an hour with none are findings, and nights and weekends are not", async () => {
  const from = Date.UTC(2026, 0, 5);
  const monday = from + 21 * day;
  const burst = Array.from({ length: 400 }, (_, i): SeedCall => ({ atMs: monday + 10 * hour + i * 8000, agent: "clerk", taskClass: "desk", server: "files", tool: "export" }));
  const calls = officeHours(from, 22, 40, 21).filter((call) => call.atMs < monday + 14 * hour || call.atMs >= monday + 15 * hour);
  await insertCalls(store, sorted([...calls, ...burst]));
  const findings = await found("volume", monday - 8 * hour, monday + 20 * hour);
  const at = (f: Finding) => `${f.detector} ${f.entityKind} ${f.entity} ${(f.windowStartMs - monday) / hour}`;
  expect(findings.map(at).sort()).toEqual(["silence agent clerk 14", "silence server files 14", "volume agent clerk 10", "volume server files 10"]);
  const [surge] = findings.filter((f) => f.detector === "volume" && f.entityKind === "agent");
  expect(surge!.actual).toBeGreaterThan(425);
  expect(surge!.expected).toBeGreaterThan(30);
  expect(surge!.expected).toBeLessThan(50);
  expect(surge!.contributors.find((c) => c.dimension === "tool")).toMatchObject({ value: "files/export", baselineShare: 0 });
  expect(surge!.contributors.find((c) => c.dimension === "task_class")).toMatchObject({ value: "desk", excessShare: expect.closeTo(1, 6) });
  // Nothing else was stored in that hour either, so it may be the pipeline that is silent.
  expect(findings.find((f) => f.detector === "silence")).toMatchObject({ actual: 0, severity: "ticket", dataHealth: { degraded: true } });
  expect(surge!.dataHealth.degraded).toBe(false);
});

test("an hour is compared with nothing in an entity's first two days, and with hours of any kind in its first week, which is said", async () => {
  const burst = (atMs: number) => Array.from({ length: 600 }, (_, i): SeedCall => ({ atMs: atMs + i * 5000, agent: "new", server: "files", tool: "list" }));
  const steady = Array.from({ length: 60 * 40 }, (_, i): SeedCall => ({ atMs: t0 + i * 90_000, agent: "new", server: "files", tool: "list" }));
  await insertCalls(store, sorted([...steady, ...burst(t0 + 40 * hour), ...burst(t0 + 58 * hour)]));
  const findings = await found("volume", t0 + 36 * hour, t0 + 59 * hour);
  expect(findings.filter((f) => f.entityKind === "agent").map((f) => (f.windowStartMs - t0) / hour)).toEqual([58]);
  expect(findings[0]).toMatchObject({ dataHealth: { degraded: true } });
  expect(findings[0]!.summary).toContain("cold start");
});

test("an agent's first write and first high-risk server are one finding a day; its first days and other people's habits are none", async () => {
  const from = Date.UTC(2026, 0, 5);
  const work = (agent: string, over: Partial<SeedCall>) => (atMs: number): SeedCall => ({ atMs, agent, taskClass: `${agent}-work`, server: "files", tool: "list", columns: { risk_tier: "low", data_domains: ["docs"] }, ...over });
  const every = (make: (atMs: number) => SeedCall, fromMs: number, toMs: number) => Array.from({ length: Math.floor((toMs - fromMs) / hour) }, (_, i) => make(fromMs + i * hour));
  const write = { tool: "write", effect: "write" };
  const vault = { server: "vault", tool: "put", effect: "write", columns: { risk_tier: "high", data_domains: ["secrets"] } };
  const today = from + 10 * day;
  await insertCalls(store, sorted([
    ...every(work("reader", {}), from, today + day),
    ...every(work("writer", write), from + minute, today + day),
    // Its second day.
    ...every(work("newcomer", write), today - day, today + day),
    work("reader", { ...write, denied: true })(today + 6 * hour),
    work("reader", write)(today + 7 * hour),
    work("reader", write)(today + 7 * hour + minute),
    work("reader", vault)(today + 9 * hour),
  ]));
  const over = { jobs: jobs.filter((j) => j.name === "first-use"), store, fromMs: today + 6.5 * hour, toMs: today + 9.5 * hour };
  const findings = await found("first-use", over.fromMs, over.toMs);
  expect(findings.map((f) => [f.entity, (f.windowEndMs - today) / minute, f.actual, f.severity])).toEqual([
    ["reader", 425, 1, "ticket"],
    ["reader", 545, 2, "page"],
    ["reader-work", 545, 1, "ticket"],
  ]);
  // The second is the first one grown.
  const kept = await readFindings(store, over);
  expect(kept.map((f) => [f.entity, f.actual]).sort()).toEqual([["reader", 2], ["reader-work", 1]]);
  expect(kept.find((f) => f.entity === "reader")!.summary).toMatch(/^For the first time: 07:00 wrote; 09:00 called vault, a server of high risk\. In 7 days after its cold start of 3 days it did 0 other/);
  expect(kept.find((f) => f.entity === "reader-work")!.summary).toContain("touched the data domain secrets");
  expect(kept.find((f) => f.entity === "reader-work")!.contributors).toContainEqual(expect.objectContaining({ dimension: "server", value: "vault", windowShare: 1 }));
});

const args = (digest: string) => ({ arg_paths: ["/path"], arg_digests: [digest], arg_flow_from: [0], arg_flow_scores: [0] });
const repeated = (taskId: string, atMs: number, times: number, over: Partial<SeedCall> = {}): SeedCall[] =>
  Array.from({ length: times }, (_, i) => ({ atMs: atMs + i * 5000, agent: "doc-bot", taskClass: "docs", taskId, server: "files", tool: "read", columns: args("d-1"), ...over }));

test("a task that makes the very same call again and again is a finding, where its class does not; a refusal in one record counts as often as it was tried", async () => {
  const ordinary = ordinaryTraffic(t0, t0 + 3 * hour, 31).map((call, i): SeedCall => ({ ...call, columns: args(`x-${i}`) }));
  const now = t0 + 3 * hour;
  // A class that asks forty times whether something is done, as a habit.
  const patient = Array.from({ length: 30 }, (_, i) => repeated(`wait-${i}`, t0 + i * 5 * minute, 40, { agent: "patient", taskClass: "wait", tool: "status" })).flat();
  await insertCalls(store, sorted([
    ...ordinary,
    ...patient,
    ...repeated("waits", now, 45, { agent: "patient", taskClass: "wait", tool: "status" }),
    ...repeated("loops", now, 25),
    ...Array.from({ length: 25 }, (_, i) => repeated("walks", now + i * 5000, 1, { columns: args(`y-${i}`) })).flat(),
    ...repeated("refused", now + minute, 1, { tool: "write", effect: "write", denied: true, reason: "rule", columns: { ...args("d-2"), attempts: 500 } }),
    ...repeated("writes", now + minute, 12, { tool: "write", effect: "write", columns: args("d-3") }),
  ]));
  const findings = await found("retry-storms", now, now + 5 * minute);
  expect(findings.map((f) => [f.entity, f.tool, f.actual, f.severity])).toEqual([
    ["refused", "write", 500, "ticket"],
    ["loops", "read", 25, "ticket"],
  ]);
  expect(findings[0]!.contributors).toContainEqual(expect.objectContaining({ dimension: "outcome", value: "denied", windowShare: 1 }));
  expect(findings[0]!.summary).toContain("1 more repeated calls of this class and tool");
  expect(findings[1]!.expected).toBeLessThan(2);
  await clear(store);
  await insertCalls(store, sorted([...ordinary, ...repeated("writes", now + minute, 12, { tool: "write", effect: "write", columns: args("d-3") })]));
  expect(await found("retry-storms", now, now + 5 * minute)).toMatchObject([{ entity: "writes", severity: "page", dataHealth: { degraded: false } }]);
});

/** Tasks as the proxy's journal has them. */
async function openTasks(tasks: readonly { id: string; servers: string[]; tools?: string[]; openedMs: number; expiresMs: number }[]): Promise<void> {
  await store.insert(
    "control_events",
    tasks.map(({ id, servers, tools = [], openedMs, expiresMs }, i) => ({
      journal: "j1", seq: i + 1, at: new Date(openedMs).toISOString(), kind: "task.opened", subject: id, by: "someone@example.com",
      json: JSON.stringify({ task: { class: "docs", servers, tools, expiresMs } }),
    })),
  );
}

test("tasks that try what they were not opened for, or are let through past their scope or their end, are findings; a class's habit is none", async () => {
  const now = t0 + 2 * hour;
  const work = (taskId: string, atMs: number, over: Partial<SeedCall> = {}): SeedCall => ({ atMs, agent: "doc-bot", taskClass: "docs", taskId, server: "files", tool: "read", ...over });
  const refused = { denied: true, reason: "task_scope" };
  const past = Array.from({ length: 60 }, (_, i) => [
    work(`old-${i}`, t0 + i * minute),
    // Every third task of the class tries the search, as a habit.
    ...(i % 3 === 0 ? [work(`old-${i}`, t0 + i * minute + 5000, { server: "web", tool: "search", ...refused })] : []),
  ]).flat();
  await openTasks([
    { id: "in-scope", servers: ["files"], openedMs: now, expiresMs: now + hour },
    { id: "slipped", servers: ["files"], openedMs: now, expiresMs: now + hour },
    { id: "late", servers: ["files"], openedMs: now - 10 * minute, expiresMs: now + minute },
  ]);
  await insertCalls(store, sorted([
    ...past,
    work("in-scope", now + 10_000),
    work("tries", now + 20_000, { server: "mail", tool: "send", effect: "write", ...refused, columns: { attempts: 7 } }),
    work("tries-too", now + 25_000, { server: "mail", tool: "send", effect: "write", ...refused }),
    work("habit", now + 30_000, { server: "web", tool: "search", ...refused }),
    work("slipped", now + 40_000, { server: "mail", tool: "send", effect: "write" }),
    work("late", now + 30_000),
    // Within what two clocks may differ.
    work("late", now + minute + 2000),
    work("late", now + 3 * minute, { tool: "list" }),
  ]));
  const findings = await found("scope-escape", now, now + 5 * minute);
  expect(findings.map((f) => [f.entity, `${f.server}/${f.tool}`, f.actual, f.severity]).sort()).toEqual([
    ["late", "files/list", 1, "page"],
    ["slipped", "mail/send", 1, "page"],
    ["tries", "mail/send", 7, "ticket"],
  ]);
  expect(findings.find((f) => f.entity === "tries")!.summary).toMatch(/tried to call what its task was not opened for: mail\/send, 7 times\. Of 60 pieces of work of this class before, 0 did the same\. 1 more of this class did so/);
  expect(findings.find((f) => f.entity === "late")!.summary).toContain("went on after its task had ended, and was let through");
});

test("a value that goes from an untrusted read into a write is a finding where the class does not do so, with the pair of calls; instructions beside it wake somebody", async () => {
  const now = t0 + 3 * hour;
  let seq = 0;
  const call = (taskId: string, step: string, atMs: number, flow: Partial<Record<"path" | "from" | "score", string | number>> = {}): SeedCall => {
    const [server, tool] = step.split("/") as [string, string];
    return {
      atMs, agent: "inbox-bot", taskClass: "inbox", taskId, server, tool, seq: ++seq,
      effect: tool === "send" || tool === "reply" ? "write" : "read",
      trusted: step !== "mail/read",
      columns: { arg_paths: [flow.path ?? "/id"], arg_digests: [`d${seq}`], arg_flow_from: [flow.from ?? 0], arg_flow_scores: [flow.score ?? 0] },
    };
  };
  /** Reads a message and does something with a value out of it. */
  const task = (id: string, atMs: number, sink: string, path: string, score = 0): SeedCall[] => {
    const read = call(id, "mail/read", atMs);
    return [read, call(id, sink, atMs + 3000, { path, from: seq, score })];
  };
  const past = Array.from({ length: 150 }, (_, i) => (i % 2 ? task(`old-${i}`, t0 + i * minute, "mail/reply", "/to", i % 4 === 1 ? 0.7 : 0) : [call(`old-${i}`, "mail/read", t0 + i * minute)])).flat();
  await insertCalls(store, [
    ...past,
    ...task("routine", now, "mail/reply", "/to", 0.7),
    ...task("strange", now + 10_000, "crm/send", "/account"),
    ...task("misled", now + 20_000, "mail/send", "/to", 0.9),
  ]);
  const findings = await found("taint-flows", now, now + 5 * minute);
  expect(findings.map((f) => [f.entity, f.tool, f.severity])).toEqual([["misled", "send", "page"], ["strange", "send", "ticket"]]);
  const [misled, strange] = findings;
  expect(misled!.callIds).toEqual([`p1-${seq - 1}`, `p1-${seq}`]);
  expect(misled!.summary).toContain(`The argument /to of mail/send (call p1-${seq}) came out of the result of mail/read (call p1-${seq - 1}), beside text that reads as instructions (0.90)`);
  const [pair] = await store.query<{ source_call: string; sink_call: string }>(misled!.evidenceSql, misled!.evidenceParams);
  expect([pair!.source_call, pair!.sink_call]).toEqual([expect.stringContaining("mail/read allow ok"), expect.stringContaining("mail/send allow ok")]);
  expect(strange!.summary).toMatch(/which a third party can write into\. The call was let through\. Of 150 pieces of work of this class that read mail\/read before, 0 passed a value/);
});
