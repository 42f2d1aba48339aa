import { expect, test } from "vitest";
import { analyticsConfigSchema } from "../../../analytics/config.ts";
import { judgeNovelty, poissonTail } from "../../../analytics/jobs/first-use/score.ts";
import { judgeRepeats } from "../../../analytics/jobs/retry-storms/score.ts";
import { judgeEscape } from "../../../analytics/jobs/scope-escape/score.ts";
import { judgeFlow } from "../../../analytics/jobs/taint-flows/score.ts";
import { findUnusualVolumes } from "../../../analytics/jobs/volume/score.ts";
import { learn } from "../../../analytics/baseline/model.ts";
import type { Bucket } from "../../../analytics/score/rate.ts";
import { findSpikes } from "../../../analytics/score/spikes.ts";
import { randomFrom } from "../../support/random.ts";
import { binomial } from "./support.ts";

const config = analyticsConfigSchema.parse({});
const hour = 3_600_000;
const monday = Date.UTC(2026, 0, 5);

test.each<[string, number, number, number, number, boolean]>([
  ["a repeat that nobody makes", 12, 1, 1, 100, true],
  ["a few repeats", 9, 1, 1, 100, false],
  ["a habit of the class", 45, 40, 42, 100, false],
  ["far beyond a habit", 400, 12, 20, 100, true],
  ["a class that is hardly known", 12, 1, 1, 3, false],
  ["very many in a class that is hardly known", 40, 1, 1, 3, true],
])("repeats: %s", (_, actual, expected, expected_high, units, told) => {
  expect(judgeRepeats({ actual, expected, expected_high, units }, config.retryStorms) !== undefined).toBe(told);
});

test.each<[string, number, number, boolean, boolean]>([
  ["a way out that no work of the class takes", 60, 0, false, true],
  ["one that every fourth takes", 60, 15, false, false],
  ["one that every fourth takes, and was let through", 60, 15, true, true],
  ["one that one in twenty takes", 400, 20, false, false],
  ["one that one in twenty takes, and was let through", 400, 20, true, true],
  ["one that a single other took, of very many", 400, 1, false, true],
  ["one in a class that nobody knows", 1, 0, false, false],
])("leaving the scope: %s", (_, units, units_with, did, told) => {
  expect(judgeEscape({ actual: 1, expected: 0, expected_high: 0, units, units_with }, did, config.scopeEscape) !== undefined).toBe(told);
});

test.each<[string, number, number, boolean, boolean]>([
  ["one that no work of a known class has", 150, 0, false, true],
  ["one of a class of twenty", 20, 0, false, false],
  ["one of a class of twenty, beside instructions", 20, 0, true, true],
  ["one in a class of which next to nothing is known", 3, 0, true, false],
  ["one that the class had once in a hundred", 100, 1, true, false],
  ["one that the class had once in five hundred", 500, 1, false, true],
  ["a routine", 150, 120, false, false],
  ["a routine with what reads as instructions", 150, 120, true, false],
])("a flow: %s", (_, units, units_with, instructed, told) => {
  expect(judgeFlow({ units, units_with }, instructed, config.taintFlows) !== undefined).toBe(told);
});

test("who does something new every day surprises nobody, and who has done nothing new for two weeks does", () => {
  const use = { atMs: 0, kind: "effect", value: "write" } as const;
  const of = (before: number, days: number) => judgeNovelty([{ entityKind: "agent", entity: "a", uses: [use], before, days }], config.firstUse);
  expect(of(14, 14)).toEqual([]);
  expect(of(0, 14)[0]!.score).toBeGreaterThan(1.4);
  expect(poissonTail(1, 1)).toBeCloseTo(1 - Math.exp(-1), 12);
  expect(poissonTail(0, 3)).toBeCloseTo(1, 12);
  expect(poissonTail(20, 0.01)).toBeLessThan(1e-50);
});

/** An always-on server's hours, ups and downs by the time of day. */
function hours(n: number, seed: number): number[] {
  const random = randomFrom(seed);
  return Array.from({ length: n }, (_, i) => Math.round((60 + 50 * Math.sin(((i % 24) / 24) * 2 * Math.PI)) * (0.8 + 0.4 * random())));
}
/** The last of a list of hours against those before it; it begins at `atMs`. */
function volumes(list: number[], atMs: number) {
  const to = atMs / hour;
  const history = list.slice(0, -1).map((calls, i): [number, number, number, number, number] => [i, calls, 0, calls, 0]).filter(([, calls]) => calls > 0);
  const row = { kind: "server", entity: "s", parentKind: "", parent: "", hours: history, latencies: [], leftOut: new Map() } as const;
  const baseline = learn(row, "call_volume", to, { from: to - list.length + 1, to }, config.baselines);
  return baseline === undefined ? [] : findUnusualVolumes([{ baseline, actual: list.at(-1)! }], config.volume).found;
}

test("volume: three weeks of ups and downs raise nothing, a surge and a silence are told, a silence for no more than a day", () => {
  const quiet = hours(21 * 24, 5);
  for (let n = 2; n <= quiet.length; n++) expect(volumes(quiet.slice(0, n), monday + (n - 1) * hour)).toEqual([]);
  const at = monday + quiet.length * hour;
  expect(volumes([...quiet, 900], at)).toMatchObject([{ kind: "volume", baseline: { level: "hour_and_kind_of_day" } }]);
  const told = Array.from({ length: 48 }, (_, i) => volumes([...quiet, ...new Array<number>(i + 1).fill(0)], at + i * hour).length);
  expect(told[0]).toBe(1);
  expect(told.slice(26).reduce((a, b) => a + b, 0)).toBe(0);
});

test("volume: two days of history are a cold start, which says nothing", () => {
  const list = (n: number): number[] => [...new Array<number>(n).fill(20), 5000];
  expect([47, 48].map((n) => volumes(list(n), monday + n * hour).length)).toEqual([0, 1]);
});

test("volume: a level that rose is told for a day and is what is usual then, and what it was before is no alarm for ever", () => {
  const at = 21 * 24;
  const list = [...hours(at, 6), ...hours(30 * 24, 7).map((calls) => calls * 15), ...hours(20 * 24, 8)];
  // Every hour about the two changes, and every seventh of the rest.
  const isLooked = (i: number): boolean => i % 7 === 0 || [20, 21, 22, 23, 50, 51, 52, 53].includes(Math.floor(i / 24));
  const told = list.map((_, i) => (i < 48 || !isLooked(i) ? [] : volumes(list.slice(0, i + 1), monday + i * hour)));
  const days = (kind: string): number[] => [...new Set(told.flatMap((found, i) => (found.some((u) => u.kind === kind) ? [Math.floor(i / 24)] : [])))];
  expect(days("volume")).toEqual([21, 22]);
  expect(days("silence")).toEqual([51, 52]);
});

test.each([
  ["hours with four times the errors", 12, 0.04],
  ["buckets with eight times the errors", 1, 0.08],
])("two weeks of eight tools, every window of them, with %s, raise at most one finding", (_, every, flaky) => {
  const random = randomFrom(77);
  const buckets = 14 * 288;
  const tools = Array.from({ length: 8 }, (_, tool): Bucket[] => {
    let rate = 0.01;
    return Array.from({ length: buckets }, (_, i) => {
      if (i % every === 0) rate = random() < 0.05 ? flaky : 0.01;
      const total = 2 + tool + Math.floor(random() * 6);
      return { total, hits: binomial(random, total, rate) };
    });
  });
  let found = 0;
  for (let end = 300; end <= buckets; end++) {
    const series = tools.map((list, i) => ({
      entityKind: "tool" as const, agent: "", server: "s", tool: `t${i}`,
      history: list[end - 1]!.hits > 0 ? list.slice(Math.max(0, end - 2016), end - 6) : [],
      newest: list.slice(end - 6, end),
    }));
    found += findSpikes(series, config.errorSpikes).spikes.length;
  }
  expect(found).toBeLessThanOrEqual(1);
}, 120_000);
