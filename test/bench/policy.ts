/** What a decision costs among few rules and among many, and what a reload costs the calls that are under way. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createReloaders } from "../../proxy/load-control-plane.ts";
import type { PolicySet } from "../../proxy/policy/decision.ts";
import { loadPolicies } from "../../proxy/policy/load-policies.ts";
import { loadRegistry } from "../../proxy/registry/load-registry.ts";
import type { RegistrySnapshot } from "../../proxy/registry/server-entry.ts";
import { judge } from "../../proxy/relay/judge.ts";
import { seededRandom } from "../support/random.ts";
import { formatTable } from "../support/table.ts";
import { benchCalls, ruleText, writePolicies, writeRegistry, type BenchCall, type PolicySize } from "./policy-files.ts";
import { reloadUnderCalls } from "./policy-reload.ts";

const help = `Usage: node test/bench/policy.ts [--check]

Prints the time of a decision among 10 rules and 10 servers and among 1,000 rules and 500 servers, in rounds that
alternate, and the time of a reload with the longest pause that it put into the event loop.

  --check   exit with 1 unless the goals are met: at most 3 times, and a reload within a second
  --help    show this`;
const { values } = parseArgs({ options: { check: { type: "boolean", default: false }, help: { type: "boolean", default: false } } });
if (values.help) {
  console.log(help);
  process.exit(0);
}

const ROUNDS = 7;
const CALLS = 20_000;
const small: PolicySize = { rules: 10, servers: 10, files: 1 };
const large: PolicySize = { rules: 1000, servers: 500, files: 20 };
const root = mkdtempSync(join(tmpdir(), "signalbox-bench-"));

interface Plane {
  readonly policies: PolicySet;
  readonly registry: RegistrySnapshot;
}

function plane(name: string, size: PolicySize): Plane {
  writePolicies(join(root, name, "policies"), size);
  writeRegistry(join(root, name, "registry"), size);
  return { policies: loadPolicies(join(root, name, "policies"), { dataDir: "/data" }).set, registry: loadRegistry(join(root, name, "registry")) };
}

/** Nanoseconds of each decision, sorted. Single decisions are measured, since the goal is about the median one. */
function decide({ policies, registry }: Plane, calls: readonly BenchCall[]): Float64Array {
  const times = new Float64Array(calls.length);
  for (const [i, { server, agent, taskClass, tool, args }] of calls.entries()) {
    const asked = { method: "tools/call", tool, prompt: "", resourceUri: "", args };
    const identity = { agent, principal: agent, delegation: [], credentialId: "k", taskId: "t", taskClass };
    const started = process.hrtime.bigint();
    judge({ policies }, registry.servers.get(server)!, identity, asked, "development", 0);
    times[i] = Number(process.hrtime.bigint() - started);
  }
  return times.sort();
}

const quantile = (sorted: ArrayLike<number>, q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
const median = (numbers: number[]): number => quantile(numbers.sort((a, b) => a - b), 0.5);

function benchDecisions(): number {
  const planes = [
    { label: "10 rules, 10 servers", plane: plane("small", small), calls: benchCalls(seededRandom(1), small.servers, CALLS) },
    { label: "1,000 rules, 500 servers", plane: plane("large", large), calls: benchCalls(seededRandom(1), large.servers, CALLS) },
  ];
  for (const { plane, calls } of planes) decide(plane, calls);
  const p50 = planes.map(() => [] as number[]);
  const p99 = planes.map(() => [] as number[]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { plane, calls }] of planes.entries()) {
      const times = decide(plane, calls);
      p50[i]!.push(quantile(times, 0.5));
      p99[i]!.push(quantile(times, 0.99));
    }
  }
  const ratio = median(p50[1]!.map((time, round) => time / p50[0]![round]!));
  const us = (ns: number) => (ns / 1000).toFixed(2);
  console.log(formatTable([["decision", "p50 us", "p99 us"], ...planes.map(({ label }, i) => [label, us(median(p50[i]!)), us(median(p99[i]!))])]));
  console.log(`p50 of 1,000 rules is ${ratio.toFixed(2)} times that of 10 (median of ${ROUNDS} rounds)\n`);
  return ratio;
}

/** The longest time that nothing else could run, while `work` was under way. */
async function longestPauseDuring(work: () => Promise<unknown>): Promise<{ tookMs: number; pauseMs: number }> {
  let pauseMs = 0;
  let last = performance.now();
  let watching = true;
  const tick = (): void => {
    const now = performance.now();
    pauseMs = Math.max(pauseMs, now - last);
    last = now;
    if (watching) setImmediate(tick);
  };
  setImmediate(tick);
  const started = performance.now();
  await work();
  const tookMs = performance.now() - started;
  await new Promise<void>((resolve) => setImmediate(resolve));
  watching = false;
  return { tookMs, pauseMs };
}

async function benchReloads(): Promise<number> {
  const rows = [["reload", "took ms", "longest pause ms"]];
  let worst = 0;
  const measure = async (label: string, work: () => Promise<unknown>) => {
    const { tookMs, pauseMs } = await longestPauseDuring(work);
    worst = Math.max(worst, tookMs);
    rows.push([label, tookMs.toFixed(0), pauseMs.toFixed(1)]);
  };
  const options = { registryDir: join(root, "large", "registry"), policyDir: join(root, "large", "policies"), keysFile: "", dataDir: "/data" };
  const reloaders = createReloaders(options);
  await measure("1,000 rules in 20 files, all new", () => reloaders.policies());
  writeFileSync(join(options.policyDir, "team-3.yaml"), `rules:\n${Array.from({ length: 50 }, (_, i) => ruleText(5000 + i, 500)).join("")}`);
  await measure("1,000 rules in 20 files, one changed", () => reloaders.policies());
  const one = join(root, "one");
  writePolicies(one, { ...large, files: 1 });
  await measure("1,000 rules in one file, all new", () => createReloaders({ ...options, policyDir: one }).policies());
  writeRegistry(join(root, "again"), { ...large, generation: 1 });
  await measure("500 servers, all new", () => createReloaders({ ...options, registryDir: join(root, "again") }).registry());
  await measure("500 servers, none changed", () => reloaders.registry());
  console.log(formatTable(rows));
  console.log();
  for (const change of ["one", "all"] as const) {
    const { tookMs, calls, fault, worstCallMs } = await reloadUnderCalls(large, change);
    const what = change === "one" ? "one rule and one server changed" : "all rules and all servers changed";
    console.log(`${what} among ${calls} calls: in force after ${tookMs.toFixed(0)} ms, longest call ${worstCallMs.toFixed(0)} ms, ${fault ?? "none failed"}`);
    if (fault !== undefined) return Infinity;
    worst = Math.max(worst, tookMs);
  }
  return worst;
}

try {
  const ratio = benchDecisions();
  const reloadMs = await benchReloads();
  if (values.check && (ratio > 3 || reloadMs > 1000)) {
    console.error(`A goal was missed: ${ratio.toFixed(2)} of at most 3 times, ${reloadMs.toFixed(0)} of at most 1000 ms.`);
    process.exitCode = 1;
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
