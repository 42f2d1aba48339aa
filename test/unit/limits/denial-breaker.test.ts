import { expect, it } from "vitest";
import { DenialBreaker, denialKey } from "../../../proxy/limits/denial-breaker.ts";
import type { DraftRecord } from "../../../collector/record/call-record.ts";
import { randomFrom } from "../../support/random.ts";
import { draft } from "../audit/drafts.ts";

const small = { denials: 3, windowMs: 1000 };

/** What the relay does with a denial. */
function deny(breaker: DenialBreaker<string>, key: string, nowMs: number): "own record" | "counted" {
  if (breaker.repeats(key, nowMs) !== null) {
    breaker.absorb(key, nowMs, `first at ${nowMs}`);
    return "counted";
  }
  breaker.note(key, nowMs, `record of ${nowMs}`);
  return "own record";
}

it("after so many denials in a window the next ones are counted, and one record says how many", () => {
  const breaker = new DenialBreaker<string>(small);
  expect([0, 1, 2, 3, 4].map((ms) => deny(breaker, "k", ms))).toEqual(["own record", "own record", "own record", "counted", "counted"]);
  expect(breaker.due(1000)).toEqual([{ key: "k", sample: "first at 3", attempts: 2 }]);
  expect(breaker.due(1001)).toEqual([]);
  expect(breaker.repeats("k", 1001)).toBe("record of 2");
});

it("denials that are far apart, or for other reasons, keep their own records", () => {
  const breaker = new DenialBreaker<string>(small);
  for (let i = 0; i < 20; i++) expect(deny(breaker, "slow", i * 500)).toBe("own record");
  for (const key of ["a", "b", "c", "d"]) for (let i = 0; i < 2; i++) expect(deny(breaker, key, 0)).toBe("own record");
});

it("it stays open while attempts go on, and closes one window after the last", () => {
  const breaker = new DenialBreaker<string>(small);
  for (let i = 0; i < 3; i++) deny(breaker, "k", 0);
  for (let ms = 900; ms < 9000; ms += 900) expect(deny(breaker, "k", ms)).toBe("counted");
  breaker.due(8200);
  expect([breaker.repeats("k", 9999), breaker.repeats("k", 10_000)]).toEqual([null, null]);
  expect(breaker.repeats("k", 9099)).toBe("record of 0");
  expect(deny(breaker, "k", 10_000)).toBe("own record");
});

it("every attempt is in exactly one record, whatever comes in whatever order", () => {
  const next = randomFrom(7);
  const breaker = new DenialBreaker<string>({ denials: 5, windowMs: 700, maxKeys: 8 });
  const attempts = new Map<string, number>();
  const recorded = new Map<string, number>();
  const add = (map: Map<string, number>, key: string, n: number) => map.set(key, (map.get(key) ?? 0) + n);
  let nowMs = 0;
  for (let i = 0; i < 20_000; i++) {
    nowMs += Math.floor(next() * 40);
    const key = `k${Math.floor(next() ** 3 * 30)}`;
    add(attempts, key, 1);
    if (deny(breaker, key, nowMs) === "own record") add(recorded, key, 1);
    if (i % 37 === 0) for (const { key: of, attempts: n } of breaker.due(nowMs)) add(recorded, of, n);
    expect(breaker.size).toBeLessThanOrEqual(8);
  }
  for (const { key, attempts: n } of breaker.due(nowMs)) add(recorded, key, n);
  expect(recorded).toEqual(attempts);
});

it("denials are told apart by who, where to, what and why, and not by what a retry changes", () => {
  const denied = draft(1, { decision: "deny", outcome: "denied" });
  const key = denialKey(denied);
  const apart: Partial<DraftRecord>[] = [
    { agent: "b" }, { principal: "user:bob" }, { credentialId: "key-2" }, { clientAddress: "10.0.0.8" }, { taskId: "task-43" }, { sessionId: "s" },
    { server: "s" }, { method: "prompts/get" }, { tool: "t" }, { prompt: "p" }, { resourceUri: "u" },
    { reason: "budget" }, { basis: "default" }, { policyIds: ["a", "b"] }, { policyIds: ["a,b"] }, { policyVersion: "p-8" }, { approvalId: "ap-1" },
  ];
  expect(new Set([key, ...apart.map((change) => denialKey({ ...denied, ...change }))]).size).toBe(apart.length + 1);
  const again = draft(2, { decision: "deny", outcome: "denied", arguments: [], requestBytes: 7, parentSpanId: "00000000000000aa", proxyUs: 9 });
  expect(denialKey(again)).toBe(key);
  expect(denialKey({ ...denied, tool: "t\",\"", prompt: "" })).not.toBe(denialKey({ ...denied, tool: "t", prompt: "\"" }));
});
