import { describe, expect, it } from "vitest";
import { alertId, fingerprint } from "../../../alerts/dedup.ts";
import { evaluateRule, passesFloors, type CurrentAlert } from "../../../alerts/evaluate.ts";
import type { Finding } from "../../../analytics/findings/finding.ts";
import { findingAt, minute, rule, startMs } from "./fixtures.ts";

const ends = (n: number): number[] => Array.from({ length: n }, (_, i) => startMs + (i + 1) * 5 * minute);
const at = (i: number): number => ends(i + 1)[i]!;
const print = fingerprint("denial_spike", "tool", "github/create_issue");

function current(over: Partial<CurrentAlert> = {}): CurrentAlert {
  return { alertId: alertId(print, startMs), fingerprint: print, ruleId: "denial_spike", state: "firing", startsAtMs: startMs, updatedAtMs: startMs, throughMs: startMs, silencedUntilMs: null, acknowledged: false, alert: null, ...over };
}

function run(windows: number, findings: Finding[], now: CurrentAlert[] = [], over: { maxActive?: number; ruleId?: string } = {}) {
  return evaluateRule({ rule: rule(over.ruleId ?? "denial_spike"), windowEnds: ends(windows), findings, current: new Map(now.map((c) => [c.fingerprint, c])), nowMs: at(windows), maxActive: over.maxActive ?? 200 });
}

describe("evaluating a rule", () => {
  it("opens an alert at the start of the first breaching window", () => {
    const { decided } = run(3, [findingAt(at(2))]);
    expect(decided).toMatchObject([{ from: "inactive", to: "firing", startsAtMs: at(2) - 5 * minute, fingerprint: print }]);
  });

  it("decides the same again from the same rows, so that a repeated tick repeats itself", () => {
    const once = run(3, [findingAt(at(2))]).decided;
    expect(run(3, [findingAt(at(2))]).decided).toEqual(once);
  });

  it("leaves a firing alert alone while it breaches", () => {
    expect(run(3, [findingAt(at(2))], [current()]).decided).toEqual([]);
  });

  it("resolves an alert after its clear windows, without a finding", () => {
    expect(run(4, [], [current()]).decided).toMatchObject([{ from: "firing", to: "resolved", finding: null }]);
  });

  it("never resolves an alert whose detector evaluated nothing", () => {
    expect(run(0, [], [current()]).decided).toEqual([]);
  });

  it("does not open a second episode by the windows of the first", () => {
    const ended = current({ state: "resolved", throughMs: at(3) });
    expect(run(4, [findingAt(at(0))], [ended]).decided).toEqual([]);
    const again = run(5, [findingAt(at(4))], [ended]).decided;
    expect(again).toMatchObject([{ from: "inactive", to: "firing" }]);
    expect(again[0]!.alertId).not.toBe(ended.alertId);
  });

  it("puts a finding whose window ends between two ticks into the next one", () => {
    expect(run(2, [findingAt(at(1) - minute)]).decided).toMatchObject([{ to: "firing" }]);
  });

  it("opens no more than the cap, and counts the rest", () => {
    const many = Array.from({ length: 5 }, (_, i) => findingAt(at(1), { entity: `github/tool-${i}` }));
    const result = run(2, many, [], { maxActive: 3 });
    expect(result.decided).toHaveLength(3);
    expect(result.overCap).toBe(2);
  });

  it("ignores what another detector found", () => {
    expect(run(2, [findingAt(at(1), { detector: "latency_drift" })]).decided).toEqual([]);
  });
});

describe("the floors", () => {
  it.each([
    ["a strong score with a small effect", { score: 50, actual: 12, expected: 8 }, false],
    ["a large effect with a weak score", { score: 1, actual: 500, expected: 8 }, false],
    ["a rise that is not a multiple", { score: 9, actual: 120, expected: 80 }, false],
    ["both", { score: 9, actual: 120, expected: 8 }, true],
    ["a rise from nothing", { score: 9, actual: 12, expected: 0 }, true],
  ] as const)("judge %s", (_, over, passes) => expect(passesFloors(rule("denial_spike"), findingAt(startMs, over))).toBe(passes));
});
