import { expect, it } from "vitest";
import { DenialBreaker, denialKey } from "../../../proxy/limits/denial-breaker.ts";
import { randomFrom } from "../../support/random.ts";

const small = { denials: 3, windowMs: 1000 };

/** What the relay does with a denial. */
function deny(breaker: DenialBreaker<string>, key: string, nowMs: number): "own record" | "counted" {
  if (breaker.isOpen(key, nowMs)) {
    breaker.absorb(key, nowMs, () => `first at ${nowMs}`);
    return "counted";
  }
  breaker.note(key, nowMs);
  return "own record";
}

it("after so many denials in a window the next ones are counted, and one record says how many", () => {
  const breaker = new DenialBreaker<string>(small);
  expect([0, 1, 2, 3, 4].map((ms) => deny(breaker, "k", ms))).toEqual(["own record", "own record", "own record", "counted", "counted"]);
  expect(breaker.due(1000)).toEqual([{ key: "k", sample: "first at 3", attempts: 2, firstMs: 3, lastMs: 4 }]);
  expect(breaker.due(1001)).toEqual([]);
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
  expect([breaker.isOpen("k", 9999), breaker.isOpen("k", 10_000)]).toEqual([false, false]);
  expect(breaker.isOpen("k", 9099)).toBe(true);
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

it("keys differ where agent, server, reason or tool do, and a tool's name cannot pretend to be more", () => {
  const keys = [denialKey("a", "s", "rule", "t"), denialKey("a", "s", "rule", "t\n"), denialKey("a", "s", "no_rule", "t"), denialKey("b", "s", "rule", "t"), denialKey("a", "x", "rule", "t")];
  expect(new Set(keys).size).toBe(5);
});
