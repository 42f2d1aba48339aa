import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../collector/audit/checkpoint/entry.ts";
import { ALL_KEPT } from "../../../collector/audit/kept.ts";
import type { StoredChains } from "../../../collector/audit/verify-chains.ts";
import { verifyHeads } from "../../../collector/audit/verify-checkpoints.ts";
import { Findings } from "../../../collector/audit/verify-report.ts";

const checkpoint = (lastSeq: number, occurredAt: string) =>
  ({ event_type: "audit.checkpoint", event_id: `log-${lastSeq}`, occurred_at: occurredAt, producer: "px", last_seq: String(lastSeq), head_hash: `hash${lastSeq}` }) as unknown as Checkpoint;

const log = { file: "", entries: [checkpoint(5, "2026-01-05T00:00:00.000Z"), checkpoint(9, "2026-06-05T00:00:00.000Z")] };

/** Records 1 to 20 with a hash for each number in `stored`. */
const chains = (stored: readonly number[]): StoredChains => ({
  blocks: new Map(),
  callContents: new Map(),
  hashOf: (_, seq) => (stored.includes(seq) ? `hash${seq}` : undefined),
  last: () => ({ seq: 20, hash: "hash20" }),
  firstSeq: () => 1,
});

describe("the record that a checkpoint ends with", () => {
  const cases: [what: string, stored: number[], spansFrom: string, failed: string[]][] = [
    ["is stored", [5, 9], "1970-01-01T00:00:00Z", []],
    ["is missed where nothing is removed", [9], "1970-01-01T00:00:00Z", ["px-5"]],
    ["may be gone from before the time since when all is kept", [9], "2026-03-01T00:00:00Z", []],
    ["is missed behind that time", [5], "2026-03-01T00:00:00Z", ["px-9"]],
  ];
  it.each(cases)("%s", (_what, stored, spansFrom, failed) => {
    const findings = new Findings(10);
    const scope = { sinceMs: null, producer: "", kept: { ...ALL_KEPT, spansMs: Date.parse(spansFrom) }, starts: new Map() };
    verifyHeads(log, scope, chains(stored), new Map(), findings);
    expect(findings.failures.map((one) => one.record)).toEqual(failed);
    expect(findings.notes.some((note) => note.includes("which retention allows"))).toBe(failed.length === 0 && stored.length < 2);
  });
});
