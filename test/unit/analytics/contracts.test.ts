import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CronTime } from "cron";
import { analyticsConfigSchema, createJobs, jobs, metricDefinitions } from "../../../analytics/index.ts";
import { figure, findingTitle, ratio } from "../../../analytics/findings/title.ts";
import { severityOf } from "../../../analytics/findings/health.ts";

const root = join(import.meta.dirname, "../../../analytics");
const sqlFiles = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.name.endsWith(".sql"))
  .map((entry) => join(entry.parentPath, entry.name));

test("every SQL file says its question, parameters, columns and what it scans", () => {
  for (const file of sqlFiles) {
    const header = readFileSync(file, "utf8").split("\n").filter((line) => line.startsWith("--")).join("\n");
    for (const part of ["question", "params", "out", "scans"]) expect(header, file).toMatch(new RegExp(`^-- ${part}: `, "m"));
  }
});

test("time enters SQL as a parameter and never from the engine's clock", () => {
  for (const file of sqlFiles) {
    const code = readFileSync(file, "utf8").replaceAll(/--.*$/gm, "");
    expect(code, file).not.toMatch(/\b(now|now64|today|yesterday)\s*\(/i);
  }
});

test("the defaults are all jobs, with schedules that cron understands, and a job can be left out", () => {
  expect(jobs.map((job) => job.name)).toEqual(["baselines", "time-baselines", "pair-baselines", "denial-spikes", "error-spikes", "latency-drift", "sequence-model", "unusual-sequences", "volume", "first-use", "retry-storms", "scope-escape", "taint-flows", "sequence-gaps", "leadership-metrics", "control-changes", "deprecated-servers", "anchor-failures"]);
  for (const job of jobs) expect(() => new CronTime(job.cron, "UTC")).not.toThrow();
  const some = createJobs(analyticsConfigSchema.parse({ enabled: ["sequence-gaps"], sequenceGaps: { latenessMs: 1000 } }));
  expect(some.map((job) => [job.name, job.latenessMs])).toEqual([["sequence-gaps", 1000]]);
  expect(analyticsConfigSchema.safeParse({ enabled: ["everything"] }).success).toBe(false);
  expect(analyticsConfigSchema.safeParse({ denialSpikes: { minRatoi: 3 } }).success).toBe(false);
});

test("the four numbers have a version, words, and the digest of their SQL", () => {
  expect(metricDefinitions.map((m) => m.id)).toEqual(["owner_and_tier", "explicit_policy_coverage", "time_to_investigate", "high_risk_exception_rate"]);
  for (const metric of metricDefinitions) {
    expect(metric.version).toMatch(/^\d+$/);
    expect(metric.text.length).toBeGreaterThan(100);
    expect(metric.text).not.toMatch(/question:|--/);
    expect(metric.sqlSha256).toMatch(/^[0-9a-f]{64}$/);
  }
});

test.each<[number, string]>([[412, "412"], [18.25, "18.3"], [0.0432, "0.04"], [1234.5, "1235"], [3, "3"]])("the figure %d reads %s", (value, text) => {
  expect(figure(value)).toBe(text);
});

test("a title keeps its numbers when an entity's name is too long for it", () => {
  const parts = { metric: "Denials", actual: "412", expected: "18", ratio: ratio(412, 18), fromMs: Date.UTC(2026, 0, 5, 10, 5), toMs: Date.UTC(2026, 0, 5, 10, 15) };
  expect(findingTitle({ ...parts, entity: "github/create_issue" })).toBe("Denials on github/create_issue: 412 vs 18 expected (23x, 10:05-10:15 UTC)");
  const long = findingTitle({ ...parts, entity: "x".repeat(500) });
  expect(long).toHaveLength(120);
  expect(long).toMatch(/…: 412 vs 18 expected \(23x, 10:05-10:15 UTC\)$/);
});

test("a ratio to nothing is called new", () => {
  expect([ratio(5, 0), ratio(5, 4), ratio(1e9, 1)]).toEqual(["new", "1.3x", ">1000x"]);
});

test("data that may be wrong wakes nobody", () => {
  const health = { rowsInWindow: 1, baselineRows: 1, missingBuckets: 0, ingestLagMs: 0, degraded: true };
  expect(severityOf("page", health)).toBe("ticket");
  expect(severityOf("page", { ...health, degraded: false })).toBe("page");
  expect(severityOf("info", health)).toBe("info");
});
