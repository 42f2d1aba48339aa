import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { jobs, runJobsOver, type Finding } from "../../../analytics/index.ts";
import type { Store } from "../../../collector/store/client.ts";
import { clear, expectReproduced, insertCalls, minute, startTestStore, type SeedCall, type TestStore } from "./seed.ts";
import { ordinaryTraffic } from "./traffic.ts";

const t0 = Date.UTC(2026, 0, 5, 10);
let engine: TestStore;
let store: Store;

beforeAll(async () => {
  engine = await startTestStore();
  store = engine.store;
});
beforeEach(() => clear(store));
afterAll(() => engine?.stop());

/** Runs one job over windows that end in (fromMs, toMs], twice: the second time must say the same. */
async function found(job: string, fromMs: number, toMs: number): Promise<Finding[]> {
  const over = { jobs: jobs.filter((j) => j.name === job), store, fromMs, toMs };
  const { runs, findings } = await runJobsOver(over);
  expect(runs.filter((run) => run.status === "error")).toEqual([]);
  expect(runs.length).toBeGreaterThan(0);
  await expectReproduced(store, findings);
  expect((await runJobsOver(over)).findings).toEqual(findings);
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
