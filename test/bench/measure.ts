import { cpuMicroseconds } from "./cpu-time.ts";
import type { LoadProcess } from "./load-process.ts";
import type { LoadJob } from "./load.ts";
import type { BenchTarget } from "./targets.ts";
import type { Size } from "./workload.ts";

/** How long and how hard. Every phase ends by time or by count, whichever comes first. */
export interface BenchPlan {
  rounds: number;
  sizes: readonly Size[];
  connections: Record<Size, number>;
  saturatedMs: number;
  steadyMs: number;
  steadyCallsPerSecond: number;
  /** The same for every target: by time a slower one would be measured while the compiler is still at work on it, which takes
   * some 50,000 calls. */
  warmUpCalls: number;
}

/** One target in one round with one size. */
export interface Sample {
  round: number;
  target: BenchTarget["name"];
  size: Size;
  cpuUsPerCall: number;
  callsPerSecond: number;
  /** At the steady rate, where queues are empty: latency here is what a lone agent feels. */
  steady: { p50Ms: number; p99Ms: number; cpuUsPerCall: number };
}

const maxCalls = 2_000_000;
const warmUpLimitMs = 60_000;

/** Fills caches and lets the compiler settle; what it measures is thrown away. */
export async function warmUp(load: LoadProcess, target: BenchTarget, plan: BenchPlan): Promise<void> {
  for (const size of plan.sizes) await load.run({ ...saturated(target, size, plan, warmUpLimitMs), maxCalls: plan.warmUpCalls });
}

export async function measure(load: LoadProcess, target: BenchTarget, size: Size, round: number, plan: BenchPlan): Promise<Sample> {
  const full = await withCpu(load, target, saturated(target, size, plan, plan.saturatedMs));
  const steady = await withCpu(load, target, {
    ...common(target, size, plan.steadyMs),
    loop: "open",
    callsPerSecond: plan.steadyCallsPerSecond,
  });
  return {
    round,
    target: target.name,
    size,
    cpuUsPerCall: full.cpuUsPerCall,
    callsPerSecond: full.report.calls / full.report.seconds,
    steady: {
      p50Ms: steady.report.latencyMs.p50,
      p99Ms: steady.report.latencyMs.p99,
      cpuUsPerCall: steady.cpuUsPerCall,
    },
  };
}

async function withCpu(load: LoadProcess, target: BenchTarget, job: LoadJob) {
  const before = cpuMicroseconds(target.pids());
  const report = await load.run(job);
  const used = cpuMicroseconds(target.pids()) - before;
  return { report, cpuUsPerCall: used / Math.max(1, report.calls) };
}

function saturated(target: BenchTarget, size: Size, plan: BenchPlan, maxMs: number): LoadJob {
  return { ...common(target, size, maxMs), loop: "closed", connections: plan.connections[size] };
}

function common(target: BenchTarget, size: Size, maxMs: number) {
  return { url: target.url, headers: target.headers, size, maxCalls, maxMs };
}
