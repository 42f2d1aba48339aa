import { expect, test } from "vitest";
import { analyticsConfigSchema } from "../../../analytics/config.ts";
import { findDrifts, groupByServer, type LatencyComparison } from "../../../analytics/jobs/latency-drift/score.ts";

const limits = analyticsConfigSchema.parse({}).latencyDrift;

function comparison(over: Partial<LatencyComparison>): LatencyComparison {
  return {
    entityKind: "tool",
    server: "s",
    tool: "t",
    recentCalls: 30,
    baselineCalls: 500,
    p50Ms: 5,
    baseP50Ms: 5,
    baseP10Ms: 4,
    baseP90Ms: 9,
    p90Ms: 9,
    rankP: 0.5,
    proxyP50Ms: 0.3,
    baseProxyP50Ms: 0.3,
    baselineSteps: 200,
    ...over,
  };
}

const slow: Partial<LatencyComparison> = { p50Ms: 60, p90Ms: 70, rankP: 1e-16 };

test.each<[string, Partial<LatencyComparison>, string | undefined]>([
  ["twelve times slower, by rank too", slow, "p50"],
  ["only the slow end moved", { p50Ms: 5.5, p90Ms: 90, rankP: 1e-9 }, "p90"],
  ["nothing moved", {}, undefined],
  ["sure but too small in milliseconds", { p50Ms: 9, rankP: 1e-16 }, undefined],
  ["sure but too small a ratio", { p50Ms: 130, baseP50Ms: 100, p90Ms: 180, baseP90Ms: 150, rankP: 1e-16 }, undefined],
  ["large but not sure", { p50Ms: 60, rankP: 0.01 }, undefined],
  ["too few calls to tell", { ...slow, recentCalls: 4 }, undefined],
  ["too short a history", { ...slow, baselineCalls: 20 }, undefined],
])("%s", (_, over, moved) => {
  expect(findDrifts([comparison(over)], limits).drifts.map((d) => d.moved)).toEqual(moved === undefined ? [] : [moved]);
});

test("whether the proxy's own time rose is said with the drift", () => {
  const { drifts } = findDrifts([comparison(slow), comparison({ ...slow, tool: "u", proxyP50Ms: 4 })], limits);
  expect(drifts.map((d) => d.proxyMoved)).toEqual([false, true]);
});

function names(comparisons: LatencyComparison[]): string[] {
  const { drifts } = findDrifts(comparisons, limits);
  return groupByServer(drifts, comparisons, limits).map((d) => `${d.comparison.server}/${d.comparison.tool}`);
}

const server = (over: Partial<LatencyComparison>): LatencyComparison => comparison({ entityKind: "server", tool: "", ...over });

test("a server whose tools are all slow is one finding", () => {
  expect(names([server({ ...slow, recentCalls: 60 }), comparison(slow), comparison({ ...slow, tool: "u" })])).toEqual(["s/"]);
});

test("one slow tool of three stays that tool's finding", () => {
  expect(names([server({ ...slow, recentCalls: 90 }), comparison(slow), comparison({ tool: "u" }), comparison({ tool: "v" })])).toEqual(["s/t"]);
});

test("a server whose median only moved because agents turned to a slow tool is no finding", () => {
  expect(names([server({ ...slow, recentCalls: 60 }), comparison({ p50Ms: 60, baseP50Ms: 60, p90Ms: 70, baseP90Ms: 70 }), comparison({ tool: "u" })])).toEqual([]);
});

test("a slow server is found where each of its tools has too few calls", () => {
  expect(names([server({ ...slow, recentCalls: 20 }), comparison({ ...slow, recentCalls: 5 }), comparison({ ...slow, tool: "u", recentCalls: 5 })])).toEqual(["s/"]);
});
