import { afterAll, beforeAll, expect, test } from "vitest";
import { jobs, runJobsOver } from "../../../analytics/index.ts";
import type { Store } from "../../../collector/store/client.ts";
import { insertCalls, minute, startTestStore, type TestStore } from "./seed.ts";
import { ordinaryTraffic } from "./traffic.ts";

const day = 24 * 60 * minute;
const t0 = Date.UTC(2026, 0, 5);
let engine: TestStore;
let store: Store;

beforeAll(async () => {
  engine = await startTestStore();
  store = engine.store;
});
afterAll(() => engine?.stop());

const at = (ms: number): string => new Date(ms).toISOString();
const only = (name: string) => jobs.filter((job) => job.name === name);

test("refused files and a tool that now carries instructions are findings, whose evidence gives their numbers", async () => {
  const event = (seq: number, kind: string, subject: string, more: object) => ({ journal: "j", seq, at: at(t0 + 5 * minute), kind, subject, by: "signalbox", json: JSON.stringify({ kind, ...more }) });
  await store.insert("control_events", [
    event(1, "files.refused", "policies", { part: "policies", problems: ["a.yaml:3:5 no such thing"] }),
    event(2, "tool.seen", "orders/search", { server: "orders", version: "1", tool: "search", change: "breaking", differences: [], instructionScore: 0.9, action: "block" }),
    event(3, "task.opened", "t-1", {}),
  ]);
  const { runs, findings } = await runJobsOver({ jobs: only("control-changes"), store, fromMs: t0, toMs: t0 + 10 * minute });
  expect(runs.filter((run) => run.status === "error")).toEqual([]);
  expect(findings.map((f) => [f.entity, f.severity]).sort()).toEqual([["orders/search", "page"], ["policies", "ticket"]]);
  for (const finding of findings) {
    const [row] = await store.query<{ actual: number; expected: number }>(finding.evidenceSql, finding.evidenceParams);
    expect(row).toMatchObject({ actual: finding.actual, expected: finding.expected });
  }
});

test("a deprecated server that is still called is a finding that names its callers", async () => {
  await store.insert("registry_servers", [
    { revision: "r1", published_at: at(t0), server: "github", version: "1", owner: "team-code", contact: "", risk_tier: "low", data_domains: [], lifecycle: "deprecated", environments: [], task_classes: [], transport: "streamable-http" },
  ]);
  await insertCalls(store, ordinaryTraffic(t0 + 60 * minute, t0 + 90 * minute, 1));
  const { findings } = await runJobsOver({ jobs: only("deprecated-servers"), store, fromMs: t0, toMs: t0 + day });
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatchObject({ detector: "deprecated_use", entity: "github", severity: "ticket" });
  expect(findings[0]!.actual).toBeGreaterThan(0);
  expect(findings[0]!.summary).toContain("team-code");
});
