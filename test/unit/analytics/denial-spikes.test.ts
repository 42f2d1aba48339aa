import { expect, test } from "vitest";
import { analyticsConfigSchema } from "../../../analytics/config.ts";
import { createSpikeScorer, dropExplained, findSpikes, type RateSeries, type Explained, type Spike } from "../../../analytics/score/spikes.ts";
import { RateMoments, rateSurprise, rateTail, type Bucket } from "../../../analytics/score/rate.ts";
import { randomFrom } from "../../support/random.ts";
import { binomial } from "./support.ts";

const limits = analyticsConfigSchema.parse({}).denialSpikes;

function quiet(seed: number, buckets: number, calls: number, rate: number): Bucket[] {
  const random = randomFrom(seed);
  return Array.from({ length: buckets }, () => ({ total: calls, hits: binomial(random, calls, rate) }));
}

function series(agent: string, buckets: readonly Bucket[]): RateSeries {
  return { entityKind: "agent", agent, server: "", tool: "", history: buckets.slice(0, -6), newest: buckets.slice(-6) };
}

test("an agent that is suddenly refused is a spike in the same five minutes", () => {
  const buckets = quiet(1, 40, 20, 0.01);
  buckets[39] = { total: 25, hits: 20 };
  const { spikes, tested } = findSpikes([series("a", buckets), series("b", quiet(2, 40, 20, 0.01))], limits);
  expect(tested).toBe(2);
  expect(spikes.map((s) => s.series.agent)).toEqual(["a"]);
  expect(spikes[0]).toMatchObject({ span: 1, calls: 25, hits: 20, coldStart: false });
  expect(spikes[0]!.expected).toBeLessThan(1);
  expect(spikes[0]!.score).toBeGreaterThan(10);
});

test("fifty ordinary agents over 19 hours raise at most one finding", () => {
  const all = Array.from({ length: 50 }, (_, i) => quiet(100 + i, 288, 5 + i, 0.03));
  let found = 0;
  for (let end = 60; end <= 288; end++) {
    found += findSpikes(all.map((buckets, i) => series(`a${i}`, buckets.slice(0, end))), limits).spikes.length;
  }
  // Chance alone gives 11,000 tests something: the rate per tick bounds it at 5% of 229 ticks, the floors far below.
  expect(found).toBeLessThanOrEqual(1);
});

test("a tool that always refuses a third is not news when it refuses a third", () => {
  const { spikes } = findSpikes([series("a", quiet(3, 100, 30, 0.33))], limits);
  expect(spikes).toEqual([]);
});

test("an effect that is sure but small is left alone", () => {
  const buckets = quiet(4, 200, 2000, 0.01);
  buckets[199] = { total: 2000, hits: 56 };
  expect(rateTail([buckets[199]], new RateMomentsOf(buckets.slice(0, 190)).baseline())).toBeLessThan(0.005);
  expect(findSpikes([series("a", buckets)], limits).spikes).toEqual([]);
});

test("nothing is said without a history, and a short one is called a cold start", () => {
  const attack: Bucket[] = [...Array.from({ length: 5 }, () => ({ total: 0, hits: 0 })), { total: 30, hits: 25 }];
  expect(findSpikes([series("new", attack)], limits).spikes).toEqual([]);
  const [spike] = findSpikes([series("young", [...quiet(5, 6, 10, 0.01), ...attack])], limits).spikes;
  expect(spike).toMatchObject({ coldStart: true, hits: 25 });
});

test("a burst that is over is not told again by the longer span", () => {
  const baseline = new RateMomentsOf(quiet(6, 100, 20, 0.01)).baseline();
  const burst: Bucket[] = [{ total: 40, hits: 40 }, { total: 20, hits: 0 }, { total: 20, hits: 1 }];
  expect(rateSurprise(burst, baseline).p).toBeGreaterThan(0.05);
  expect(rateSurprise(burst.slice(0, 1), baseline).p).toBeLessThan(1e-10);
});

test("an attack that lasts doesn't become the new normal within an hour", () => {
  const moments = new RateMomentsOf(quiet(7, 100, 20, 0.01));
  for (let i = 0; i < 12; i++) moments.add({ total: 30, hits: 30 });
  expect(moments.baseline().rate).toBeLessThan(0.1);
  expect(rateTail([{ total: 30, hits: 30 }], moments.baseline())).toBeLessThan(1e-6);
});

test("a bucket's score doesn't depend on what comes after it", () => {
  const buckets = quiet(8, 120, 15, 0.05);
  const all = buckets.map(createSpikeScorer());
  const some = buckets.slice(0, 80).map(createSpikeScorer());
  expect(all.slice(0, 80)).toEqual(some);
});

const spikeOf = (kind: "agent" | "tool", name: string): Spike => {
  const [server = "", tool = ""] = kind === "tool" ? name.split("/") : [];
  return { series: { entityKind: kind, agent: kind === "agent" ? name : "", server, tool, history: [], newest: [] } } as unknown as Spike;
};
const by = (dimension: string, value: string, excessShare: number) => ({ dimension, value, excessShare });

test.each<[string, Explained[], string[]]>([
  ["one agent on one tool is the agent's", [{ spike: spikeOf("agent", "bot"), contributors: [by("tool", "s/t", 1)] }, { spike: spikeOf("tool", "s/t"), contributors: [by("agent", "bot", 0.95)] }], ["bot"]],
  [
    "a tool that refuses everybody is the tool's",
    [
      { spike: spikeOf("agent", "a"), contributors: [by("tool", "s/t", 1)] },
      { spike: spikeOf("agent", "b"), contributors: [by("tool", "s/t", 1)] },
      { spike: spikeOf("tool", "s/t"), contributors: [by("agent", "a", 0.5), by("agent", "b", 0.5)] },
    ],
    ["s/t"],
  ],
  [
    "an agent that tries every tool is the agent's",
    [
      { spike: spikeOf("agent", "a"), contributors: [by("tool", "s/t", 0.5), by("tool", "s/u", 0.5)] },
      { spike: spikeOf("tool", "s/t"), contributors: [by("agent", "a", 1)] },
      { spike: spikeOf("tool", "s/u"), contributors: [by("agent", "a", 1)] },
    ],
    ["a"],
  ],
  ["two that have nothing in common stay two", [{ spike: spikeOf("agent", "a"), contributors: [] }, { spike: spikeOf("tool", "s/t"), contributors: [by("agent", "b", 1)] }], ["a", "s/t"]],
])("%s", (_, found, kept) => {
  expect(dropExplained(found).map(({ spike: { series: s } }) => s.agent || `${s.server}/${s.tool}`)).toEqual(kept);
});

class RateMomentsOf extends RateMoments {
  constructor(buckets: readonly Bucket[]) {
    super();
    for (const bucket of buckets) this.add(bucket);
  }
}
