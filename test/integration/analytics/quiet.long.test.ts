import { afterAll, beforeAll, expect, test } from "vitest";
import { analyticsConfigSchema, createJobs, runJobsOver } from "../../../analytics/index.ts";
import type { Job } from "../../../analytics/index.ts";
import type { Store } from "../../../collector/store/client.ts";
import { randomFrom } from "../../support/random.ts";
import { hour, insertCalls, minute, startTestStore, type SeedCall, type TestStore } from "./seed.ts";
import { callOf, kinds, tools } from "./traffic.ts";

const day = 24 * hour;
const t0 = Date.UTC(2026, 0, 5);
const days = 14;
/** The goals grant each detector one false alarm a week at its threshold. All of these together are held to that one. */
const findingsAWeek = 1;

let engine: TestStore;
let store: Store;
beforeAll(async () => {
  engine = await startTestStore();
  store = engine.store;
});
afterAll(() => engine?.stop());

/**
 * Two weeks in which nothing is wrong and nothing is smooth: office hours and one agent at night and on weekends, days that
 * differ, errors that come in clusters, retries after them, values that go from results into arguments, a class that often
 * reaches outside its scope, and a release now and then.
 */
function quietWeeks(seed: number): SeedCall[] {
  const random = randomFrom(seed);
  const calls: SeedCall[] = [];
  let task = 0;
  for (let d = 0; d < days; d++) {
    const busy = 0.7 + 0.6 * random();
    for (let h = 0; h < 24; h++) {
      const fromMs = t0 + d * day + h * hour;
      const at = new Date(fromMs);
      const office = at.getUTCDay() % 6 !== 0 && h >= 7 && h < 19;
      const flaky = random() < 0.05 ? 0.12 : 0.01;
      for (const kind of kinds) {
        const perHour = kind.agent === "inbox-bot" ? 6 : office ? 10 : 0;
        const tasks = Math.round(perHour * busy * (0.6 + 0.8 * random()));
        for (let i = 0; i < tasks; i++) work(kind, `t-${++task}`, fromMs + random() * 50 * minute, flaky, `1.${Math.floor(d / 3)}.0`);
      }
    }
  }
  return calls.map((call, i) => ({ ...call, seq: i + 1 })).sort((a, b) => a.atMs - b.atMs);

  function work(kind: (typeof kinds)[number], id: string, beginMs: number, flaky: number, release: string): void {
    const plan = kind.plans[Math.floor(random() * kind.plans.length)]!;
    let atMs = beginMs;
    let readAt = 0;
    let read = "";
    const add = (step: string, over: Partial<SeedCall> = {}): void => {
      atMs += 1000 + random() * 8000;
      const flows = readAt > 0 && tools[step]!.effect === "write" && random() < 0.9;
      const path = random() < 0.97 ? "/id" : "/comment";
      calls.push({
        ...callOf(kind, id, step, atMs, random),
        ...over,
        columns: {
          risk_tier: step.startsWith("mail/") ? "high" : "low",
          data_domains: [step.split("/")[0]!],
          policy_version: release,
          server_version: release,
          arg_paths: [path],
          arg_digests: [`${id}-${step}-${Math.floor(random() * 3)}`],
          arg_flow_from: [flows ? readAt : 0],
          // Some of what strangers write looks like instructions to the reader, and is not.
          arg_flow_scores: [flows && read.startsWith("github") && random() < 0.2 ? 0.6 : 0],
          ...over.columns,
        },
      });
      if (!tools[step]!.trusted) [readAt, read] = [calls.length, step];
    };
    for (const step of plan.filter((one) => !one.endsWith("?") || random() < 0.4).map((one) => one.replace("?", ""))) {
      const fails = random() < flaky;
      const columns = { arg_digests: [`${id}-${step}`] };
      // An agent tries again what failed, two or three times.
      if (fails) for (let tries = 1 + Math.floor(random() * 3); tries > 0; tries--) add(step, { denied: false, columns: { ...columns, outcome: "tool_error", error_type: "tool_error" } });
      add(step, { columns });
    }
    if (kind.agent === "release-bot" && random() < 0.2) add("files/delete", { denied: true, reason: "task_scope" });
  }
}

const stretchMs = 6 * hour;
const all = createJobs(analyticsConfigSchema.parse({ retryStorms: { spanMs: stretchMs } }));
const of = (...names: string[]) => all.filter((job) => names.includes(job.name));
/** These read whatever their window is, so that two weeks take 56 windows of six hours instead of 4,032 of five minutes. Retries
 * are then counted over six hours too, which only makes them more. */
const stretched = (job: Job): Job => ({ ...job, stepMs: stretchMs, windowMs: stretchMs });

test(`two quiet weeks give at most ${2 * findingsAWeek} findings of all these detectors together`, async () => {
  await insertCalls(store, quietWeeks(7));
  const found = new Map<string, string>();
  const run = async (some: readonly Job[], fromMs: number, toMs: number): Promise<number> => {
    const { runs, findings } = await runJobsOver({ jobs: some, store, fromMs, toMs });
    expect(runs.filter((one) => one.status === "error")).toEqual([]);
    for (const f of findings) found.set(f.findingId, `${f.detector} ${new Date(f.windowEndMs).toISOString()} ${f.score.toFixed(2)} ${f.title}`);
    return runs.length;
  };
  expect(await run(of("first-use", "retry-storms", "scope-escape", "taint-flows").map(stretched), t0, t0 + days * day)).toBe(4 * 4 * days);
  expect(await run(of("volume"), t0, t0 + days * day)).toBe(24 * days);
  // Errors are judged by their newest five minutes, so these windows stay as they are: the busiest hours of a day late in it.
  expect(await run(of("error-spikes"), t0 + 11 * day + 10 * hour, t0 + 11 * day + 14 * hour)).toBe(48);
  expect([...found.values()].length, [...found.values()].join("\n")).toBeLessThanOrEqual(2 * findingsAWeek);
}, 600_000);
