import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { registerAnalytics } from "../../../analytics/command.ts";
import { analyticsConfigSchema, createJobs, runJobsOver, type Finding } from "../../../analytics/index.ts";
import { readSequences } from "../../../analytics/jobs/unusual-sequences/read.ts";
import { actsAfterUntrusted } from "../../../analytics/score/taint.ts";
import { systemClock } from "../../../collector/kernel/clock.ts";
import type { CommandContext } from "../../../collector/kernel/command.ts";
import { loadConfig } from "../../../collector/kernel/config.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import type { Store } from "../../../collector/store/client.ts";
import { clear, expectReproduced, hour, insertCalls, minute, startTestStore, type SeedCall, type TestStore } from "./seed.ts";
import { hijackedTask, ordinaryTraffic } from "./traffic.ts";

const t0 = Date.UTC(2026, 0, 5, 10);
let engine: TestStore;
let store: Store;
let dir: string;

beforeAll(async () => {
  engine = await startTestStore();
  store = engine.store;
  dir = mkdtempSync(join(tmpdir(), "signalbox-sequences-"));
  writeFileSync(join(dir, "signalbox.yaml"), `store:\n  url: ${engine.url}\n`);
});
beforeEach(() => clear(store));
afterAll(async () => {
  await engine?.stop();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

/** A week has 168 hours to count, which shows nothing that four don't. */
const shortHistory = { sequenceModel: { historyMs: 4 * hour } };

const job = (name: string, config: object = {}) => createJobs(analyticsConfigSchema.parse(config)).filter((one) => one.name === name);

async function build(fromMs: number, toMs: number, config: object = shortHistory): Promise<void> {
  const { runs } = await runJobsOver({ jobs: job("sequence-model", config), store, fromMs, toMs });
  expect(runs.filter((run) => run.status === "error")).toEqual([]);
}

async function tick(fromMs: number, toMs: number): Promise<Finding[]> {
  const { runs, findings } = await runJobsOver({ jobs: job("unusual-sequences"), store, fromMs, toMs });
  expect(runs.filter((run) => run.status === "error")).toEqual([]);
  return findings;
}

/** `context | next: count`, with `after untrusted` in place of a context where that is what was counted. */
async function transitions(version: string): Promise<string[]> {
  const rows = await store.query<{ kind: string; context: string; next: string; count: string }>(
    "SELECT kind, context, next, count FROM sequence_transitions FINAL WHERE version = {version:String} ORDER BY kind DESC, length(context), context, next",
    { version },
  );
  return rows.map((row) => `${row.kind === "transition" ? row.context.replaceAll("\n", " ") : row.kind.replace("_", " ")} | ${row.next}: ${row.count}`);
}

const call = (taskId: string, atMs: number, step: "list" | "get" | "put", outcome = "ok", agent = "a"): SeedCall => ({
  atMs,
  agent,
  taskId,
  taskClass: "c",
  server: "s",
  tool: step,
  effect: step === "put" ? "write" : "read",
  trusted: step !== "get",
  columns: { outcome },
});

/** One task within an hour, and one across its end whose first look-up times out. */
const twoTasks = [
  call("t1", t0 + 10 * minute, "list"),
  call("t1", t0 + 11 * minute, "get"),
  call("t1", t0 + 12 * minute, "put"),
  call("t2", t0 + 58 * minute, "list"),
  call("t2", t0 + 59 * minute, "get", "timeout"),
  call("t2", t0 + 61 * minute, "get"),
  call("t2", t0 + 62 * minute, "put"),
];

const ofTheFirstHour = [
  " | s/get/read: 2",
  " | s/list/read: 2",
  " | s/put/write: 1",
  "^ | s/list/read: 2",
  "s/get/read | s/put/write: 1",
  "s/list/read | s/get/read: 2",
  "^ s/list/read | s/get/read: 2",
  "s/list/read s/get/read | s/put/write: 1",
  "^ s/list/read s/get/read | s/put/write: 1",
  "after untrusted | s/put/write: 1",
  "acts | 1: 1",
];
const ofBothHours = [
  " | s/get/read: 3",
  " | s/list/read: 2",
  " | s/put/write: 2",
  "^ | s/list/read: 2",
  "s/get/read | s/get/read: 1",
  "s/get/read | s/put/write: 2",
  "s/list/read | s/get/read: 2",
  "^ s/list/read | s/get/read: 2",
  "s/get/read!timeout | s/get/read: 1",
  "s/list/read s/get/read | s/put/write: 1",
  "^ s/list/read s/get/read | s/put/write: 1",
  "s/get/read!timeout s/get/read | s/put/write: 1",
  "s/list/read s/get/read!timeout | s/get/read: 1",
  "^ s/list/read s/get/read!timeout | s/get/read: 1",
  "s/list/read s/get/read!timeout s/get/read | s/put/write: 1",
  "after untrusted | s/put/write: 2",
  "acts | 1: 2",
];

test("a version holds every transition before its hour, counted by hand, and a task goes on across the hour", async () => {
  await insertCalls(store, twoTasks);
  await build(t0, t0 + 2 * hour);
  expect(await transitions("2026-01-05T11:00Z")).toEqual(ofTheFirstHour);
  expect(await transitions("2026-01-05T12:00Z")).toEqual(ofBothHours);
  const models = await store.query<Record<string, unknown>>("SELECT version, tasks, task_classes, transitions, learnt_from, left_out, length(calibration) AS scores FROM sequence_models FINAL ORDER BY version");
  const shared = { task_classes: 1, left_out: [], tasks: "2" };
  expect(models).toEqual([
    { ...shared, version: "2026-01-05T11:00Z", learnt_from: "2026-01-05T07:00:00.000Z", transitions: "11", scores: "2" },
    { ...shared, version: "2026-01-05T12:00Z", learnt_from: "2026-01-05T08:00:00.000Z", transitions: "17", scores: "3" },
  ]);
}, 180_000);

test("the next version counts one more hour and none again", async () => {
  await insertCalls(store, twoTasks);
  await build(t0, t0 + hour);
  const blocks = () => store.query<{ block: string; newest: string; n: string }>("SELECT block, max(counted_at) AS newest, uniqExact(counted_at) AS n FROM sequence_blocks GROUP BY block ORDER BY block");
  const first = await blocks();
  expect(first).toHaveLength(4);
  await build(t0 + hour, t0 + 2 * hour);
  const second = await blocks();
  expect(second.slice(0, -1)).toEqual(first);
  expect(second.at(-1)).toMatchObject({ block: "2026-01-05T11:00:00Z", n: "1" });
}, 180_000);

test("a version that is built late is the one that hourly counts give, and one that is built stays what it is", async () => {
  await insertCalls(store, twoTasks);
  await build(t0 + hour, t0 + 2 * hour);
  expect(await transitions("2026-01-05T12:00Z")).toEqual(ofBothHours);
  await insertCalls(store, [{ ...call("t3", t0 + 65 * minute, "put", "ok", "b"), seq: 100 }]);
  await build(t0 + hour, t0 + 2 * hour);
  expect(await transitions("2026-01-05T12:00Z")).toEqual(ofBothHours);
}, 180_000);

test("what is older than the history is left out of a version, but is still the context of what came after it", async () => {
  await insertCalls(store, twoTasks);
  await build(t0, t0 + 2 * hour, { sequenceModel: { historyMs: hour } });
  expect(await transitions("2026-01-05T12:00Z")).toEqual([
    " | s/get/read: 1",
    " | s/put/write: 1",
    "s/get/read | s/get/read: 1",
    "s/get/read | s/put/write: 1",
    "s/get/read!timeout | s/get/read: 1",
    "s/get/read!timeout s/get/read | s/put/write: 1",
    "s/list/read s/get/read!timeout | s/get/read: 1",
    "^ s/list/read s/get/read!timeout | s/get/read: 1",
    "s/list/read s/get/read!timeout s/get/read | s/put/write: 1",
    "after untrusted | s/put/write: 1",
    "acts | 1: 1",
  ]);
}, 180_000);

/** A put with these arguments, whose digests are their values. */
const put = (taskId: string, atMs: number, args: Record<string, string>): SeedCall => ({
  ...call(taskId, atMs, "put"),
  columns: { arg_paths: Object.keys(args), arg_digests: Object.values(args), arg_flow_from: Object.keys(args).map(() => 0), arg_flow_scores: Object.keys(args).map(() => 0) },
});

test("an act that makes a call of its task again counts once, in the stored counts as in what is scored", async () => {
  await insertCalls(store, [
    call("t1", t0 + minute, "get"),
    ...[{ "/to": "ann", "/n": "1" }, { "/n": "1", "/to": "ann" }, { "/to": "bob", "/n": "1" }].map((args, i) => put("t1", t0 + (2 + i) * minute, args)),
    put("t2", t0 + minute, { "/to": "ann" }),
    call("t2", t0 + 2 * minute, "get"),
    put("t2", t0 + 3 * minute, { "/to": "ann" }),
    // Without arguments there is nothing to tell two calls apart by.
    call("t3", t0 + minute, "get"),
    call("t3", t0 + 2 * minute, "put"),
    call("t3", t0 + 3 * minute, "put"),
  ]);
  await build(t0, t0 + hour);
  const lines = await transitions("2026-01-05T11:00Z");
  expect(lines.filter((line) => /^(acts|after)/.test(line))).toEqual(["after untrusted | s/put/write: 2", "acts | 1: 2", "acts | 2: 2"]);
  const sequences = await readSequences(store, { lookBackFromMs: t0 - hour, fromMs: t0, toMs: t0 + hour, learntToMs: t0, most: 10 });
  expect(Object.fromEntries(sequences.map((one) => [one.taskId, actsAfterUntrusted(one.steps)]))).toEqual({ t1: [1, 3], t2: [], t3: [1, 2] });
}, 180_000);

test("what incidents are about is not learnt, and is unlearnt where they become known later", async () => {
  const misled = [call("m1", t0 + 20 * minute, "get", "ok", "b"), call("m1", t0 + 21 * minute, "put", "ok", "b"), call("m2", t0 + 40 * minute, "put", "ok", "b")];
  const before = [call("n1", t0 + 5 * minute, "list", "ok", "b")];
  await insertCalls(store, [...twoTasks, ...misled, ...before]);
  await build(t0, t0 + hour);
  expect(await transitions("2026-01-05T11:00Z")).toContain("^ | s/get/read: 1");
  const [row] = await store.query<{ id: string }>("SELECT call_id AS id FROM calls WHERE task_id = 'm1' AND tool = 'put'");
  const event = (step: string, atMs: number, more: object = {}): object => ({
    incident_id: "inc_abc123", step, occurred_at: new Date(atMs).toISOString(), recorded_at: new Date(t0 + 90 * minute).toISOString(),
    actor: "ada", alert_id: "", title: "", severity: "page", initiator: "external_content", cause: "", note: "", call_ids: [], drill: false, ...more,
  });
  await store.insert("incident_events", [
    event("opened", t0 + 22 * minute),
    event("detected", t0 + 22 * minute),
    event("cause_identified", t0 + 30 * minute, { call_ids: [row!.id] }),
    event("contained", t0 + 50 * minute),
    event("opened", t0 + 10 * minute, { incident_id: "inc_drill1", drill: true, call_ids: ["p1-1"] }),
  ]);
  await build(t0 + hour, t0 + 2 * hour);
  // m1 is named, m2 is of the same agent before it was contained; the agent's work before it stays, and so do drills.
  const lines = await transitions("2026-01-05T12:00Z");
  expect(lines).toEqual(ofBothHours.map((line) => line.replace(/^(\^?) \| s\/list\/read: 2$/, "$1 | s/list/read: 3")));
  expect(await store.query("SELECT version, left_out FROM sequence_models FINAL ORDER BY version")).toEqual([
    { version: "2026-01-05T11:00Z", left_out: [] },
    { version: "2026-01-05T12:00Z", left_out: ["inc_abc123"] },
  ]);
  expect(await transitions("2026-01-05T11:00Z")).toContain("^ | s/get/read: 1");
}, 180_000);

test("a tick scores the calls of its window, once however often it runs, and its finding names the model and says the transition", async () => {
  await insertCalls(store, [...ordinaryTraffic(t0, t0 + 150 * minute, 1), ...hijackedTask(t0 + 141 * minute)].sort((a, b) => a.atMs - b.atMs));
  const window: [number, number] = [t0 + 140 * minute, t0 + 145 * minute];
  expect(await tick(...window)).toEqual([]);
  expect(await store.query("SELECT count() AS n FROM sequence_scores")).toEqual([{ n: "0" }]);
  await build(t0, t0 + 2 * hour);
  const findings = await tick(...window);
  expect(findings.map((f) => f.entity)).toEqual(["inbox-hijacked"]);
  expect(findings[0]!.evidenceParams).toMatchObject({ version: "2026-01-05T12:00Z" });
  expect(findings[0]!.summary).toMatch(/tasks of class inbox go on with .+ \(read\) in \d+ of \d+ cases.*; here it called (mail\/send \(write\)|files\/delete \(destructive\)), seen 0 times there, and never anywhere in the class\./);
  expect(findings[0]!.summary).toContain("Sequence model 2026-01-05T12:00Z: ");
  await expectReproduced(store, findings);

  const scored = () => store.query<{ call_id: string }>("SELECT call_id, * FROM sequence_scores FINAL ORDER BY unit, position");
  const once = await scored();
  const inWindow = await store.query<{ n: string }>("SELECT count() AS n FROM calls WHERE ts >= {from:DateTime64(3, 'UTC')} AND ts < {to:DateTime64(3, 'UTC')}", { from: new Date(window[0]), to: new Date(window[1]) });
  expect(inWindow).toEqual([{ n: String(once.length) }]);
  expect(await tick(...window)).toEqual(findings);
  expect(await scored()).toEqual(once);

  const [send] = once.filter((row) => (row as unknown as { task_id: string; next: string }).task_id === "inbox-hijacked" && (row as unknown as { next: string }).next === "mail/send/write");
  expect(send).toMatchObject({ agent: "inbox-bot", position: 4, seen: "0", model_version: "2026-01-05T12:00Z" });
}, 180_000);

const digest = (name: string): string => name.padEnd(32, "0");

/** A payment after a look at the mail, to someone; `flow`: the score of the text that the name came out of. */
const payment = (taskId: string, atMs: number, to: string, flow = 0): SeedCall[] => [
  { ...call(taskId, atMs, "list"), taskClass: "pay" },
  { ...call(taskId, atMs + 1000, "get"), taskClass: "pay" },
  { ...call(taskId, atMs + 2000, "put"), taskClass: "pay", columns: { arg_paths: ["/to", "/note"], arg_digests: [digest(to), digest(taskId)], arg_flow_from: [flow > 0 ? 2 : 0, 0], arg_flow_scores: [flow, 0] } },
];

test("a task that does what its class does, with a stranger's name out of an instruction, is a finding by its arguments; a usual one is none", async () => {
  const usual = Array.from({ length: 110 }, (_, i) => payment(`t${i}`, t0 + i * minute, ["ann", "bob", "cid"][i % 3]!));
  const now = t0 + 121 * minute;
  await insertCalls(store, [...usual.flat(), ...payment("usual", now, "ann"), ...payment("led", now + minute, "eve", 0.9)]);
  await build(t0, t0 + 2 * hour);
  const findings = await tick(t0 + 2 * hour, t0 + 125 * minute);
  expect(findings.map((finding) => finding.entity)).toEqual(["led"]);
  expect(findings[0]!.summary).toMatch(/It took \/to out of a result that reads like an instruction \(score 0\.90?\) \(\d+(\.\d)? bits\)\./);
  await expectReproduced(store, findings);
  const bits = await store.query<{ task_id: string; bits: number }>("SELECT task_id, max(argument_bits) AS bits FROM sequence_scores FINAL GROUP BY task_id ORDER BY bits DESC");
  expect(bits.map((row) => row.task_id)).toEqual(["led", "usual"]);
  expect(bits[0]!.bits).toBeGreaterThan(8);
  expect(bits[1]!.bits).toBeLessThan(1);
  // Once others have been asked to pay her before that moment, that is what the class does.
  const more = Array.from({ length: 30 }, (_, i) => payment(`e${i}`, t0 + 116 * minute + i * 1000, "eve", 0.9).map((one) => ({ ...one, producer: "p2" })));
  await insertCalls(store, more.flat());
  await tick(t0 + 2 * hour, t0 + 125 * minute);
  const [led] = await store.query<{ bits: number }>("SELECT max(argument_bits) AS bits FROM sequence_scores FINAL WHERE task_id = 'led'");
  expect(led!.bits).toBeLessThan(bits[0]!.bits / 2);
}, 180_000);

/** Runs a command in this process and returns what it printed. */
async function run(...args: string[]): Promise<string> {
  const lines: string[] = [];
  const context: CommandContext = { config: () => loadConfig({ cwd: dir, env: {} }), clock: systemClock, env: {}, logger: () => silentLogger, print: (line) => void lines.push(line), untilStopped: async () => undefined, ready: () => undefined };
  const program = new Command("signalbox").exitOverride().configureOutput({ writeErr: () => undefined });
  registerAnalytics(program, context);
  await program.parseAsync(["sequences", ...args], { from: "user" });
  return lines.join("\n");
}

test("the command shows versions, classes, a class's transitions, what follows a context, and a task's scores", async () => {
  expect(await run()).toMatch(/^No sequence model is stored/);
  await insertCalls(store, [...twoTasks, ...ordinaryTraffic(t0, t0 + 150 * minute, 1).map((one) => ({ ...one, producer: "p2" }))]);
  await build(t0, t0 + 2 * hour);
  await tick(t0 + 2 * hour, t0 + 125 * minute);
  const list = await run();
  expect(list).toMatch(/2026-01-05T12:00Z +2026-01-05 08:00 +2026-01-05 12:00 +\d+ +5 +\d+ +-/);
  expect(list).toMatch(/Classes of 2026-01-05T12:00Z:[^]*\n {2}c +2 +7 +3 +12$/);

  const c = await run("--task-class", "c");
  expect(c).toMatch(/Most frequent:\n.*\n +100\.0 % +2 +2 +s\/list \(read\) +As their first call\n/);
  expect(c).toMatch(/Rarest:\n.*\n +33\.3 % +1 +3 +s\/get \(read\) +After s\/get \(read\)\n/);
  expect(await run("--task-class", "c", "--model-version", "2026-01-05T11:00Z")).toContain("100.0 %  1     1   s/put (write)  After s/get (read)");
  const answer = JSON.parse(await run("--task-class", "c", "--context", "s/list/read", "s/get/read!timeout", "--json")) as { frequent: object[] };
  expect(answer.frequent).toEqual([{ context: "s/list/read\ns/get/read!timeout", next: "s/get/read", seen: 1, of: 1 }]);

  const [scored] = await store.query<{ task_id: string; n: string }>("SELECT task_id, count() AS n FROM sequence_scores FINAL GROUP BY task_id ORDER BY n DESC, task_id LIMIT 1");
  const task = JSON.parse(await run("--task", scored!.task_id, "--json")) as { calls: { callId: string; bits: number; taskScore: number; modelVersion: string }[] };
  expect(task.calls).toHaveLength(Number(scored!.n));
  expect(task.calls.every((one) => one.bits >= 0 && one.modelVersion === "2026-01-05T12:00Z" && one.callId.startsWith("p2-"))).toBe(true);
  expect(await run("--task", scored!.task_id)).toMatch(/^Task .*: \d+ calls, score \d+\.\d/);
  expect(await run("--task", "t-unheard-of")).toMatch(/^No call of task t-unheard-of is scored/);
  await expect(run("--task-class", "horoscope")).rejects.toThrow('knows no task class "horoscope"');
  await expect(run("--model-version", "yesterday")).rejects.toThrow('there is no version "yesterday"');
  await expect(run("--context", "s/list/read")).rejects.toThrow("--context is of a class");
}, 180_000);
