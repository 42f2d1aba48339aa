/**
 * npm run demo: three hours of seeded agents' traffic, lived through in about a minute by the real proxy with the clock
 * of the past; then the jobs, the alerts and the leadership report over it, and the console to look at it all. With --month
 * a month of records instead, and what the jobs find of what was planted in it.
 */
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { shiftedClock, systemClock } from "../../collector/kernel/clock.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { startStack } from "../support/stack.ts";
import { workTask } from "./agents.ts";
import { analyse } from "./analyse.ts";
import { runMonth } from "./month/month.ts";
import { startPastProxy } from "./past-proxy.ts";
import { demoPorts, emptyDir, keptForEver, untilInterrupted } from "./shared.ts";
import { seededRandom } from "../support/random.ts";
import { demo, planDemo } from "./tasks.ts";
import { startDemoUpstreams } from "./upstreams.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "42" },
    dir: { type: "string", default: ".signalbox/demo" },
    once: { type: "boolean", default: false },
    month: { type: "boolean", default: false },
    "every-window": { type: "boolean", default: false },
    "free-ports": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`npm run demo -- [--month] [--seed 42] [--dir .signalbox/demo] [--once] [--free-ports] [--json]

  --month         a month of records with 12 planted incidents instead of three hours of agents; ends with 1 when one is
                  missed or a finding's SQL does not give the finding's numbers
  --every-window  with --month: run the jobs over all of it, which takes over an hour, instead of around the incidents and
                  over twelve quiet hours
  --once          end when the results are printed instead of keeping the console up
  --free-ports    take any free ports instead of ${demoPorts.join(", ")}`);
  process.exit(0);
}
const say = (line: string): void => void (values.json ? undefined : console.log(line));

if (values.month) {
  const { json, once } = values;
  const verdict = await runMonth({ dir: resolve(values.dir), seed: Number(values.seed), whole: values["every-window"], once, freePorts: values["free-ports"], json, say });
  process.exit(verdict.passed ? 0 : 1);
}

/** A Monday morning. Fixed, so that the demo's numbers are the same whenever it runs. */
const startMs = Date.UTC(2026, 0, 12, 8);
const random = seededRandom(Number(values.seed));
const dir = resolve(values.dir);
emptyDir(dir);

const upstreams = await startDemoUpstreams();
writeControlFiles(dir, upstreams.port);
const stack = await startStack({
  dir,
  roles: ["store", "collector"],
  servers: [],
  rules: [],
  agents: ["triage-agent", "research-agent", "release-agent"],
  taskClasses: { "triage-agent": "ticket-triage", "research-agent": "research", "release-agent": "release" },
  ports: values["free-ports"] ? undefined : [...demoPorts],
  // The jobs are run below at the demo's own time; live ones would only look at today, where nothing happened.
  config: { analytics: { enabled: [] }, dashboards: { reports: { enabled: false } }, store: { retention: keptForEver } },
});
rmSync(join(dir, "policies/rules.yaml"));
let offsetMs = startMs - systemClock.nowMs();
const clock = shiftedClock(systemClock, () => offsetMs);
const moveTo = (ms: number): void => void (offsetMs += Math.max(0, ms - clock.nowMs()));

try {
  const proxy = await startPastProxy(stack, clock);
  const tasks = planDemo(random);
  say(`signalbox demo: ${tasks.length} tasks of 3 agents on 3 servers, ${new Date(startMs).toISOString()} and three hours on`);
  const totals = { calls: 0, refused: 0 };
  for (const [i, task] of tasks.entries()) {
    moveTo(startMs + task.atMs);
    const nowMs = clock.nowMs() - startMs;
    upstreams.slowTickets(nowMs >= demo.slowTickets.fromMs && nowMs < demo.slowTickets.toMs ? demo.slowTickets.delayMs : 4);
    const key = stack.keys.get(task.agent) ?? "";
    const run = await workTask(task, { proxyUrl: proxy.url, key, pause: () => moveTo(clock.nowMs() + 400 + 1600 * random.next()) });
    totals.calls += run.calls;
    totals.refused += run.refused;
    if ((i + 1) % 100 === 0) say(`  ${new Date(clock.nowMs()).toISOString().slice(11, 16)}  ${i + 1} tasks, ${totals.calls} calls, ${totals.refused} refused`);
  }
  moveTo(startMs + demo.lengthMs);
  const records = await proxy.drain();
  say(`${totals.calls} tool calls, ${totals.refused} refused; ${records} records, all acknowledged by the collector`);
  await proxy.stop();

  const store = createStoreClient({ url: stack.storeUrl, caller: "demo" });
  const result = await analyse({ store, stack, startMs, endMs: startMs + demo.lengthMs, say });
  await store.close();
  if (values.json) console.log(JSON.stringify({ ...totals, records, ...result }, null, 2));

  await stack.start("backend");
  const range = `from=${new Date(startMs).toISOString()}&to=${new Date(startMs + demo.lengthMs).toISOString()}`;
  say("");
  say(`console  ${stack.consoleUrl}/?${range}`);
  say(`report   ${result.reportFile}`);
  say(`SQL      npx signalbox --config ${join(values.dir, "signalbox.yaml")} sql "SELECT agent, server, tool, decision, outcome, sum(attempts) FROM calls GROUP BY ALL"`);
  if (!values.once) {
    say("");
    say("A month with twelve planted incidents: npm run demo -- --month");
    say("Ctrl-C ends the demo.");
    await untilInterrupted();
  }
  process.exitCode = result.complete ? 0 : 1;
} finally {
  await stack.stop({ keep: true });
  await upstreams.stop();
}

function writeControlFiles(to: string, port: number): void {
  const from = new URL("./control/", import.meta.url).pathname;
  cpSync(from, to, { recursive: true });
  for (const file of readdirSync(join(to, "registry"))) {
    const path = join(to, "registry", file);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll("${port}", String(port)));
  }
}
