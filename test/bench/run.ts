/** Measures what the proxy costs a call, beside a bare pass-through in the same run. */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { startLoadProcess } from "./load-process.ts";
import { measure, warmUp, type BenchPlan, type Sample } from "./measure.ts";
import { formatReport, judge, summarize } from "./report.ts";
import { startTargets } from "./targets.ts";
import { sizes, type Size } from "./workload.ts";

const help = `Usage: npm run bench -- [options]

Interleaves calls to the upstream itself, through a bare pass-through, and through the proxy.
Prints medians over the rounds; ratios and differences are taken within each round.

  --rounds <n>   how many rounds (default 5, short 3)
  --size <size>  results of one size: ${sizes.join(", ")} (default both, short small)
  --short        about a minute, for CI
  --check        exit with 1 unless the goals are met
  --json         print medians and every sample as JSON
  --help         show this`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string" },
    size: { type: "string" },
    short: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
if (!existsSync("/proc/self/stat")) {
  console.error("The CPU time of other processes is read from /proc, which this system does not have.");
  process.exit(2);
}

const plan = planFor(values.short, values.rounds, values.size);
const { targets, proxyFault, stop } = await startTargets();
const load = startLoadProcess();
const samples: Sample[] = [];
try {
  for (const target of targets) await warmUp(load, target, plan);
  for (let round = 0; round < plan.rounds; round++) {
    // Each round starts with another target, so that none is always the one that follows a pause.
    const order = targets.map((_, index) => targets[(round + index) % targets.length]!);
    for (const size of plan.sizes) {
      for (const target of order) samples.push(await measure(load, target, size, round, plan));
    }
  }
} finally {
  load.stop();
  await stop();
}

const summaries = summarize(samples);
const results = judge(summaries);
if (values.json) console.log(JSON.stringify({ plan, goals: results, proxyFault, summaries, samples }, null, 2));
else console.log(formatReport(summaries, results, plan.steadyCallsPerSecond));
if (proxyFault) console.error(`The proxy was not measured: ${proxyFault}`);
process.exit(values.check && results.some((result) => !result.met) ? 1 : 0);

function planFor(short: boolean, rounds: string | undefined, size: string | undefined): BenchPlan {
  const chosen = sizes.filter((name) => (size ? name === size : !short || name === "small"));
  const count = Number(rounds ?? (short ? 3 : 5));
  if (chosen.length === 0 || !Number.isInteger(count) || count < 1) {
    console.error(help);
    process.exit(2);
  }
  const connections: Record<Size, number> = { small: 16, large: 8 };
  const common = { rounds: count, sizes: chosen, connections, steadyCallsPerSecond: 200 };
  return short
    ? { ...common, saturatedMs: 1500, steadyMs: 1500, warmUpCalls: 50_000 }
    : { ...common, saturatedMs: 3000, steadyMs: 3000, warmUpCalls: 60_000 };
}
