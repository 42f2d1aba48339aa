import { expect, test } from "vitest";
import { dueWindows, windowsBetween, type Job, type Window } from "../../../analytics/schedule/job.ts";
import type { JobRun, RunLog } from "../../../analytics/schedule/run-log.ts";
import { countingStore } from "../../../analytics/schedule/run-window.ts";
import { createScheduler, maxAttempts } from "../../../analytics/schedule/scheduler.ts";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import type { Store } from "../../../collector/store/client.ts";

const minute = 60_000;
const at = (clock: string): number => Date.parse(`2026-01-05T${clock}:00Z`);
const shape = { stepMs: 5 * minute, windowMs: 10 * minute, latenessMs: minute };
const ends = (windows: Iterable<Window>): string[] => [...windows].map((w) => new Date(w.toMs).toISOString().slice(11, 16));

test("windows end at whole steps and may overlap", () => {
  const windows = [...windowsBetween(shape, at("10:00"), at("10:12"))];
  expect(ends(windows)).toEqual(["10:05", "10:10"]);
  expect(windows[0]!.toMs - windows[0]!.fromMs).toBe(10 * minute);
});

test.each<[string, string | undefined, string, number, string[]]>([
  ["a job that never ran begins with the newest complete window", undefined, "10:12", 60, ["10:10"]],
  ["a window is not complete before its lateness is over", "10:00", "10:05", 60, []],
  ["it is complete the moment that it is", "10:00", "10:06", 60, ["10:05"]],
  ["downtime is caught up from the last success", "10:00", "10:21", 60, ["10:05", "10:10", "10:15", "10:20"]],
  ["a long downtime is caught up no further than the bound", "08:00", "10:21", 10, ["10:15", "10:20"]],
  ["nothing is due twice", "10:10", "10:12", 60, []],
])("%s", (_, last, now, maxCatchUpMinutes, expected) => {
  const options = { lastSuccessMs: last === undefined ? undefined : at(last), nowMs: at(now), maxCatchUpMs: maxCatchUpMinutes * minute };
  expect(ends(dueWindows(shape, options))).toEqual(expected);
});

/** A run log in memory, and a store that takes everything. */
function fakes(nowMs: number) {
  const runs: JobRun[] = [];
  const log: RunLog = {
    lastSuccessMs: async (job) => runs.findLast((r) => r.job === job && r.status === "ok")?.window.toMs,
    failures: async (job, afterMs) => {
      const out = new Map<number, number>();
      for (const r of runs) if (r.job === job && r.status === "error" && r.window.toMs > afterMs) out.set(r.window.toMs, (out.get(r.window.toMs) ?? 0) + 1);
      return out;
    },
    record: async (run) => void runs.push(run),
  };
  const store = { insert: async () => undefined } as unknown as Store;
  return { runs, log, store, clock: manualClock(nowMs), logger: silentLogger };
}

function jobThat(run: Job["run"], name = "job"): Job {
  return { name, cron: "*/5 * * * *", ...shape, run };
}

test("a scheduler goes on where the last success ended, and records each window", async () => {
  const deps = fakes(at("10:06"));
  const job = jobThat(async () => ({ findings: [] }));
  const scheduler = createScheduler({ ...deps, jobs: [job], maxCatchUpMs: 60 * minute, stopDeadlineMs: 1000 });
  await scheduler.runDue(job);
  deps.clock.advanceMs(16 * minute);
  await scheduler.runDue(job);
  expect(ends(deps.runs.map((r) => r.window))).toEqual(["10:05", "10:10", "10:15", "10:20"]);
  expect(deps.runs.every((r) => r.status === "ok")).toBe(true);
  await scheduler.stop();
});

test("later windows wait for one that failed, until it has failed too often", async () => {
  const deps = fakes(at("10:11"));
  const bad = at("10:05");
  const job = jobThat(async ({ window }) => {
    if (window.toMs === bad) throw new Error("no such column");
    return { findings: [] };
  });
  const scheduler = createScheduler({ ...deps, jobs: [job], maxCatchUpMs: 60 * minute, stopDeadlineMs: 1000 });
  await deps.log.record({ job: "job", window: { fromMs: 0, toMs: at("10:00") }, startedMs: 0, finishedMs: 0, status: "ok", error: "", findings: 0, rows: 0, bytes: 0 });
  for (let i = 1; i < maxAttempts; i++) {
    const runs = await scheduler.runDue(job);
    expect(runs.map((r) => r.status)).toEqual(["error"]);
    expect(runs[0]!.error).toBe("no such column");
  }
  deps.clock.advanceMs(5 * minute);
  const last = await scheduler.runDue(job);
  expect(ends(last.map((r) => r.window))).toEqual(["10:05", "10:10", "10:15"]);
  expect(last.map((r) => r.status)).toEqual(["error", "ok", "ok"]);
  deps.clock.advanceMs(5 * minute);
  expect(ends((await scheduler.runDue(job)).map((r) => r.window))).toEqual(["10:20"]);
});

test("jobs take turns, and a job that is asked for while it runs runs once", async () => {
  const deps = fakes(at("10:06"));
  const order: string[] = [];
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const first = jobThat(async () => {
    order.push("first begins");
    await held;
    order.push("first ends");
    return { findings: [] };
  }, "first");
  const second = jobThat(async () => {
    order.push("second");
    return { findings: [] };
  }, "second");
  const scheduler = createScheduler({ ...deps, jobs: [first, second], maxCatchUpMs: 60 * minute, stopDeadlineMs: 1000 });
  const running = [scheduler.runDue(first), scheduler.runDue(first), scheduler.runDue(second)];
  release();
  await Promise.all(running);
  expect(order).toEqual(["first begins", "first ends", "second"]);
});

test("stopping waits for the window that runs, starts no other, and may be repeated", async () => {
  const deps = fakes(at("10:21"));
  let release = (): void => undefined;
  let begun = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const started = new Promise<void>((resolve) => (begun = resolve));
  const job = jobThat(async () => {
    begun();
    await held;
    return { findings: [] };
  });
  await deps.log.record({ job: "job", window: { fromMs: 0, toMs: at("10:00") }, startedMs: 0, finishedMs: 0, status: "ok", error: "", findings: 0, rows: 0, bytes: 0 });
  const scheduler = createScheduler({ ...deps, jobs: [job], maxCatchUpMs: 60 * minute, stopDeadlineMs: 60_000 });
  void scheduler.runDue(job);
  await started;
  const stopped = scheduler.stop();
  release();
  await Promise.all([stopped, scheduler.stop()]);
  expect(ends(deps.runs.slice(1).map((r) => r.window))).toEqual(["10:05"]);
  expect(await scheduler.runDue(job)).toEqual([]);
});

test("stopping gives up on a job that hangs once the deadline is over", async () => {
  const deps = fakes(at("10:06"));
  let begun = (): void => undefined;
  const started = new Promise<void>((resolve) => (begun = resolve));
  const job = jobThat(() => (begun(), new Promise(() => undefined)));
  const scheduler = createScheduler({ ...deps, jobs: [job], maxCatchUpMs: 60 * minute, stopDeadlineMs: 10 });
  void scheduler.runDue(job);
  await started;
  await expect(scheduler.stop()).rejects.toThrow("the running job took longer than 10 ms");
});

test("a run counts the rows that it was handed", async () => {
  const store = countingStore({
    query: async () => [{ a: 1 }, { a: 2 }],
    async *stream() {
      yield [{ a: 3 }];
    },
  } as unknown as Store);
  await store.query("SELECT 1");
  for await (const rows of store.stream("SELECT 1")) expect(rows).toHaveLength(1);
  expect(store.counted).toEqual({ rows: 3, bytes: 26 });
});
