import { expect, test } from "vitest";
import { analyticsConfigSchema } from "../../../analytics/config.ts";
import { addedMs, findDrifts, groupByServer, type LatencyComparison, type Times } from "../../../analytics/jobs/latency-drift/score.ts";

const limits = analyticsConfigSchema.parse({}).latencyDrift;

type Over = Partial<Omit<LatencyComparison, "upstream" | "proxy">> & { upstream?: Partial<Times>; proxy?: Partial<Times> };

function comparison({ upstream, proxy, ...over }: Over): LatencyComparison {
  return {
    entityKind: "tool",
    server: "s",
    tool: "t",
    recentCalls: 30,
    baselineCalls: 500,
    upstream: { p50Ms: 5, p90Ms: 9, baseP10Ms: 4, baseP50Ms: 5, baseP90Ms: 9, rankP: 0.5, ...upstream },
    proxy: { p50Ms: 0.3, p90Ms: 0.6, baseP10Ms: 0.2, baseP50Ms: 0.3, baseP90Ms: 0.6, rankP: 0.5, ...proxy },
    baselineSteps: 200,
    ...over,
  };
}

const server = (over: Over): LatencyComparison => comparison({ entityKind: "server", tool: "", ...over });

const slow: Over = { upstream: { p50Ms: 60, p90Ms: 70, rankP: 1e-16 } };
const queued: Over = { proxy: { p50Ms: 40, p90Ms: 80, rankP: 1e-16 } };

test.each<[string, Over, string | undefined]>([
  ["twelve times slower, by rank too", slow, "p50"],
  ["only the slow end moved", { upstream: { p50Ms: 5.5, p90Ms: 90, rankP: 1e-9 } }, "p90"],
  ["nothing moved", {}, undefined],
  ["sure but too small in milliseconds", { upstream: { p50Ms: 9, rankP: 1e-16 } }, undefined],
  ["sure but too small a ratio", { upstream: { p50Ms: 130, baseP50Ms: 100, p90Ms: 180, baseP90Ms: 150, rankP: 1e-16 } }, undefined],
  ["large but not sure", { upstream: { p50Ms: 60, rankP: 0.01 } }, undefined],
  ["too few calls to tell", { ...slow, recentCalls: 4 }, undefined],
  ["too short a history", { ...slow, baselineCalls: 20 }, undefined],
])("%s", (_, over, moved) => {
  expect(findDrifts([comparison(over)], limits).drifts.map((d) => d.moved)).toEqual(moved === undefined ? [] : [moved]);
});

test.each<[string, Over, string, number]>([
  ["an upstream that is slow is told from calls that queue here", slow, "upstream", 55],
  ["calls that queue here are told from an upstream that is slow", queued, "proxy", 39.7],
  ["where both were added it is the larger one", { ...slow, ...queued }, "upstream", 55],
  ["where both were added and more of it here", { ...slow, proxy: { p50Ms: 90, rankP: 1e-16 } }, "proxy", 89.7],
  ["what the proxy took more that matters to nobody", { ...slow, proxy: { p50Ms: 4, rankP: 1e-16 } }, "upstream", 55],
])("%s", (_, over, spender, added) => {
  const { drifts } = findDrifts([comparison(over)], limits);
  expect(drifts.map((d) => d.spender)).toEqual([spender]);
  expect(addedMs(drifts[0]!)).toBeCloseTo(added, 9);
});

test("a server whose tools all queue is one finding, beside another one that is slow itself", () => {
  const all = [server({ ...queued, recentCalls: 60 }), comparison(queued), comparison({ ...queued, tool: "u" }), comparison({ ...slow, server: "other" })];
  expect(names(all)).toEqual(["other/t", "s/"]);
});

function names(comparisons: LatencyComparison[]): string[] {
  const { drifts } = findDrifts(comparisons, limits);
  return groupByServer(drifts, comparisons, limits).map((d) => `${d.comparison.server}/${d.comparison.tool}`);
}

test("a server whose tools are all slow is one finding", () => {
  expect(names([server({ ...slow, recentCalls: 60 }), comparison(slow), comparison({ ...slow, tool: "u" })])).toEqual(["s/"]);
});

test("one slow tool of three stays that tool's finding", () => {
  expect(names([server({ ...slow, recentCalls: 90 }), comparison(slow), comparison({ tool: "u" }), comparison({ tool: "v" })])).toEqual(["s/t"]);
});

test("a server whose median only moved because agents turned to a slow tool is no finding", () => {
  expect(names([server({ ...slow, recentCalls: 60 }), comparison({ upstream: { p50Ms: 60, baseP50Ms: 60, p90Ms: 70, baseP90Ms: 70 } }), comparison({ tool: "u" })])).toEqual([]);
});

test("a slow server is found where each of its tools has too few calls", () => {
  expect(names([server({ ...slow, recentCalls: 20 }), comparison({ ...slow, recentCalls: 5 }), comparison({ ...slow, tool: "u", recentCalls: 5 })])).toEqual(["s/"]);
});
