import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { jobs, runJobsOver, type Finding } from "../../../analytics/index.ts";
import type { Store } from "../../../collector/store/client.ts";
import { expectReproduced, hour, minute, startTestStore, type TestStore } from "./seed.ts";

const t0 = Date.UTC(2026, 0, 5);
let engine: TestStore;
let store: Store;

beforeAll(async () => {
  engine = await startTestStore();
  store = engine.store;
});
beforeEach(() => store.command("TRUNCATE TABLE audit_anchors"));
afterAll(() => engine?.stop());

interface Figure {
  anchored: number;
  failures?: number;
  error?: string;
  skipped?: number;
  log?: string;
}

/** What the signer tells of an anchor, a row a minute; the head grows by one a minute. */
async function told(anchor: string, fromMs: number, toMs: number, figure: (minutes: number) => Figure): Promise<void> {
  const rows = Array.from({ length: Math.floor((toMs - fromMs) / minute) }, (_, i) => {
    const { anchored, failures = 0, error = "", skipped = 0, log = "log" } = figure(i);
    return { at: new Date(fromMs + i * minute).toISOString(), log, anchor, head_idx: 100 + i, anchored_idx: anchored, skipped, failures, last_error: error };
  });
  await store.insert("audit_anchors", rows);
}

/** The findings of the window that ends at `toMs`. */
async function found(toMs: number): Promise<Finding[]> {
  const { runs, findings } = await runJobsOver({ jobs: jobs.filter((job) => job.name === "anchor-failures"), store, fromMs: toMs - 15 * minute, toMs });
  expect(runs.map((run) => run.status)).toEqual(["ok"]);
  await expectReproduced(store, findings);
  return findings;
}

test("an anchor that has failed for an hour is a finding with its last error, and one that keeps up or failed for less is none", async () => {
  await told("store", t0, t0 + 3 * hour, (i) => ({ anchored: 100 + i }));
  await told("file /mnt/a", t0, t0 + 3 * hour, (i) => (i < 60 ? { anchored: 100 + i } : { anchored: 159, failures: i - 59, error: "ENOSPC: no space left" }));
  await told("http https://b/c", t0, t0 + 3 * hour, (i) => (i < 140 ? { anchored: 100 + i } : { anchored: 239, failures: 5, error: "503" }));
  expect(await found(t0 + 2 * hour)).toEqual([]);
  const [finding, ...others] = await found(t0 + 3 * hour);
  expect(others).toEqual([]);
  expect(finding).toMatchObject({ detector: "anchor_failure", entityKind: "control", entity: "file /mnt/a", severity: "ticket", actual: 119, expected: 0, unit: "minutes" });
  expect(finding?.summary).toContain("has taken no checkpoint since 2026-01-05T01:00:00.000Z, and 120 wait for it. 120 attempts have failed, the last one with: ENOSPC: no space left.");
  expect(finding?.title).toBe("Minutes without a checkpoint on file /mnt/a: 119 vs 0 expected (120 wait, 02:45-03:00 UTC)");
});

test("an anchor that hangs is told from one that has nothing to take", async () => {
  await told("hangs", t0, t0 + 3 * hour, (i) => ({ anchored: Math.min(100 + i, 150) }));
  await store.insert("audit_anchors", Array.from({ length: 180 }, (_, i) => ({ at: new Date(t0 + i * minute).toISOString(), log: "log", anchor: "idle", head_idx: 7, anchored_idx: 7, skipped: 0, failures: 0, last_error: "" })));
  const findings = await found(t0 + 3 * hour);
  expect(findings.map((f) => f.entity)).toEqual(["hangs"]);
  expect(findings[0]?.summary).toContain("does not answer");
});

test("checkpoints that are left out are no recovery, and one that catches up is none that fails", async () => {
  // What is skipped moves the place in the log, though nothing was taken.
  await told("skips", t0, t0 + 3 * hour, (i) => ({ anchored: 10 + i, skipped: 10 + i, failures: 100 + i, error: "gone" }));
  await told("behind", t0, t0 + 3 * hour, (i) => ({ anchored: 20 + Math.floor(i / 2) }));
  const findings = await found(t0 + 3 * hour);
  expect(findings.map((f) => f.entity)).toEqual(["skips"]);
  expect(findings[0]?.summary).toContain("since 2026-01-05T00:00:00.000Z");
  expect(findings[0]?.summary).toContain("189 checkpoints were left out for good.");
});

test("an anchor of which nothing is told any more is not there, and of two logs the worse one counts", async () => {
  await told("old", t0, t0 + 2 * hour, () => ({ anchored: 1, failures: 9 }));
  await told("shared", t0, t0 + 3 * hour, () => ({ anchored: 1, failures: 9, log: "a" }));
  await told("shared", t0 + 90 * minute, t0 + 3 * hour, () => ({ anchored: 1, failures: 9, log: "b" }));
  const findings = await found(t0 + 3 * hour);
  expect(findings.map((f) => [f.entity, f.actual])).toEqual([["shared", 179]]);
});
