/**
 * npm run bench:ticks: what one tick of each analytics job takes of a store that holds so many calls. Wall time depends on
 * who else is on the machine, CPU time and rows read do not.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { jobs } from "../../analytics/index.ts";
import { createRunLog } from "../../analytics/schedule/run-log.ts";
import { runWindow } from "../../analytics/schedule/run-window.ts";
import type { Job, Window } from "../../analytics/schedule/job.ts";
import { systemClock } from "../../collector/kernel/clock.ts";
import { silentLogger } from "../../collector/kernel/log.ts";
import { startEngine, type TestEngine } from "../support/engine.ts";
import { formatTable } from "../support/table.ts";
import { cpuMicroseconds } from "./cpu-time.ts";
import { startPeak } from "./peak-memory.ts";
import { createMeteredStore, type MeteredStore } from "./queries/metered-store.ts";
import { prepareStore, usualDays } from "./queries/prepare.ts";
import { readRegister, type Register } from "./queries/register.ts";
import { emptyInputs } from "./ticks/inputs.ts";

const help = `Usage: npm run bench:ticks -- [options]

  --calls <n>     how many calls to make (default 1000000)
  --days <n>      over how many days (default: as many as there are of 1.1 million calls, at least 1)
  --dir <dir>     where the store is; what an earlier run left there, or bench:queries --keep did, is used as it is
  --keep          leave the directory
  --job <name>    only this one; may be repeated
  --json          print as JSON

Each job runs once, over the last window of the newest day that the calls fill. What it finds and keeps is written to the store, as in a tick.`;

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "1000000" },
    days: { type: "string" },
    dir: { type: "string" },
    keep: { type: "boolean", default: false },
    job: { type: "string", multiple: true },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}

const GOAL_MS = 5000;
const dayMs = 86_400_000;
const calls = Number(values.calls);
const days = Number(values.days ?? usualDays(calls));
const chosen = values.job === undefined ? jobs : jobs.filter((job) => values.job!.includes(job.name));
if (chosen.length === 0) throw new Error(`no such job; there are ${jobs.map((job) => job.name).join(", ")}`);
const dir = values.dir ?? (await mkdtemp(join(tmpdir(), "signalbox-ticks-")));
const say = (text: string): boolean => process.stderr.write(`${text}\n`);

try {
  await prepareStore({ dir, calls, days, onProgress: (done) => say(`filled ${Math.round(done)} of ${calls}`) });
  const result = await measure();
  if (values.json) console.log(JSON.stringify(result, null, 2));
  else print(result);
} finally {
  if (!values.keep && values.dir === undefined) await rm(dir, { recursive: true, force: true });
}

async function measure() {
  const engine = await startEngine({ dataDir: dir });
  const store = createMeteredStore(engine.url);
  try {
    const register = await readRegister(store);
    const ticks = [];
    for (const job of chosen) {
      const window = newest(job, register);
      // The version before, and first of all: the job that goes by it needs one that had ended before its window.
      if (job.name === "sequence-model") ticks.push({ ...(await tick(engine, store, job, { fromMs: window.fromMs - job.stepMs, toMs: window.toMs - job.stepMs })), job: "sequence-model, the first version" });
      ticks.push(await tick(engine, store, job, window));
    }
    return { calls: register.calls, days: (register.toMs - register.fromMs) / dayMs, goalMs: GOAL_MS, ticks };
  } finally {
    await store.close();
    await engine.stop();
  }
}

/** The last window of the newest whole day, in which a job does what it does once a day; where there is none, the newest. */
function newest(job: Job, register: Register): Window {
  // The last call comes a moment before its day ends.
  const dayEndMs = Math.floor((register.toMs + 60_000) / dayMs) * dayMs;
  const toMs = dayEndMs - job.windowMs >= register.fromMs ? dayEndMs : Math.floor(register.toMs / job.stepMs) * job.stepMs;
  return { fromMs: toMs - job.windowMs, toMs };
}

async function tick(engine: TestEngine, store: MeteredStore, job: Job, window: Window) {
  say(job.name);
  const nothing = await emptyInputs(store, job.name);
  store.take();
  const peak = startPeak(engine.pid);
  const cpu = cpuMicroseconds([engine.pid]);
  const own = process.cpuUsage();
  const began = performance.now();
  const run = await runWindow({ store, log: createRunLog(store), clock: systemClock, logger: silentLogger }, job, window, window.toMs + job.latenessMs);
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(own);
  return {
    job: job.name,
    historyHours: Math.round((window.toMs - window.fromMs) / 3_600_000),
    ms,
    storeCpuMs: (cpuMicroseconds([engine.pid]) - cpu) / 1000,
    scorerCpuMs: (user + system) / 1000,
    ...store.take(),
    peakBytes: peak(),
    rowsHanded: run.rows,
    findings: run.findings,
    error: run.error,
    nothing,
    met: run.error === "" && ms < GOAL_MS,
  };
}

function print(result: Awaited<ReturnType<typeof measure>>): void {
  const heading = ["job", "ms", "store CPU ms", "scorer CPU ms", "Mrows read", "MB read", "store peak MB", "rows handed", "findings", `under ${result.goalMs / 1000} s`, "remarks"];
  const rows = result.ticks.map((t) => [
    t.job, t.ms.toFixed(0), t.storeCpuMs.toFixed(0), t.scorerCpuMs.toFixed(0), (t.rows / 1e6).toFixed(2), (t.bytes / 1e6).toFixed(1), t.peakBytes === undefined ? "" : (t.peakBytes / 1e6).toFixed(0),
    String(t.rowsHanded), String(t.findings), t.met ? "yes" : "NO", t.error !== "" ? t.error.slice(0, 200) : t.nothing,
  ]);
  console.log(`\n${result.calls} calls over ${result.days.toFixed(1)} days\n\n${formatTable([heading, ...rows])}\n`);
}
