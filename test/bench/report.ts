import { formatTable } from "../support/table.ts";
import type { Sample } from "./measure.ts";
import type { BenchTarget } from "./targets.ts";
import { resultBytes, type Size } from "./workload.ts";

/** What the proxy may cost. Both compare with another target of the same round, never with a clock. */
export const goals = { cpuRatio: 3, addedP50Ms: 1 };

/** Medians over the rounds. A ratio or difference is taken within its round first, because neighbours come and go. */
export interface Summary {
  target: BenchTarget["name"];
  size: Size;
  cpuUsPerCall: number;
  cpuRatio: number;
  callsPerSecond: number;
  addedP50Ms: number;
  addedP99Ms: number;
  steadyCpuUsPerCall: number;
}

export function summarize(samples: readonly Sample[]): Summary[] {
  const keys = new Map(samples.map((sample) => [`${sample.size} ${sample.target}`, sample]));
  return [...keys.values()].map(({ target, size }) => {
    const own = samples.filter((sample) => sample.target === target && sample.size === size);
    const beside = (sample: Sample, name: Sample["target"]) =>
      samples.find((other) => other.target === name && other.size === size && other.round === sample.round)!;
    return {
      target,
      size,
      cpuUsPerCall: median(own.map((sample) => sample.cpuUsPerCall)),
      cpuRatio: median(own.map((sample) => sample.cpuUsPerCall / beside(sample, "pass-through").cpuUsPerCall)),
      callsPerSecond: median(own.map((sample) => sample.callsPerSecond)),
      addedP50Ms: median(own.map((sample) => sample.steady.p50Ms - beside(sample, "direct").steady.p50Ms)),
      addedP99Ms: median(own.map((sample) => sample.steady.p99Ms - beside(sample, "direct").steady.p99Ms)),
      steadyCpuUsPerCall: median(own.map((sample) => sample.steady.cpuUsPerCall)),
    };
  });
}

export interface GoalResult {
  goal: string;
  measured: number | undefined;
  met: boolean;
}

/** The goals are for small results: what a large one costs depends on what is read of it. */
export function judge(summaries: readonly Summary[]): GoalResult[] {
  const proxy = summaries.find((summary) => summary.target === "proxy" && summary.size === "small");
  const at = (goal: string, measured: number | undefined, limit: number) => ({
    goal,
    measured,
    met: measured !== undefined && measured <= limit,
  });
  return [
    at(`CPU a call at most ${goals.cpuRatio} times the pass-through`, proxy?.cpuRatio, goals.cpuRatio),
    at(`at most ${goals.addedP50Ms} ms added at p50, at the steady rate`, proxy?.addedP50Ms, goals.addedP50Ms),
  ];
}

export function formatReport(summaries: readonly Summary[], results: readonly GoalResult[], callsPerSecond: number): string {
  const heading = [
    "result",
    "target",
    "CPU us/call",
    "x pass-through",
    "calls/s",
    `added ms p50 at ${callsPerSecond}/s`,
    "p99",
    `CPU us/call at ${callsPerSecond}/s`,
  ];
  const rows = summaries.map((row) => [
    `${resultBytes[row.size]} B`,
    row.target === "direct" ? "direct (CPU: upstream)" : row.target,
    row.cpuUsPerCall.toFixed(1),
    row.target === "direct" ? "" : row.cpuRatio.toFixed(2),
    row.callsPerSecond.toFixed(0),
    row.target === "direct" ? "" : row.addedP50Ms.toFixed(2),
    row.target === "direct" ? "" : row.addedP99Ms.toFixed(2),
    row.steadyCpuUsPerCall.toFixed(0),
  ]);
  const lines = results.map(({ goal, measured, met }) => {
    const verdict = measured === undefined ? "not measured" : `${met ? "met" : "missed"}, ${measured.toFixed(2)}`;
    return `goal: ${goal}: ${verdict}`;
  });
  return [formatTable([heading, ...rows]), ...lines].join("\n");
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
