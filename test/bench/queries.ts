/**
 * npm run bench:queries: how long the console's main questions take, and a trace, a task and an agent's newest calls, of as
 * many calls as are asked for; beside them in the same run the same questions to a table that is ordered by time alone.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Store } from "../../collector/store/client.ts";
import { startEngine } from "../support/engine.ts";
import { formatTable } from "../support/table.ts";
import { cpuMicroseconds } from "./cpu-time.ts";
import { createMeteredStore, type Meter } from "./queries/metered-store.ts";
import { fillNaive, naiveTable } from "./queries/naive.ts";
import { prepareStore, usualDays } from "./queries/prepare.ts";
import { questions, rangeOf, type Asked } from "./queries/questions.ts";
import { readRegister, readSizes, sampleIds, type Register } from "./queries/register.ts";

const help = `Usage: npm run bench:queries -- [options]

  --calls <n>     how many calls to make (default 10000000); 100 million take some 12 GB
  --days <n>      over how many days (default: as many as there are of 1.1 million calls, at least 1)
  --runs <n>      how often each question is asked, with other parameters each time (default 25)
  --dir <dir>     where the store is; what an earlier run left there is used as it is
  --keep          leave the directory
  --no-naive      ask the tuned tables only
  --json          print as JSON`;

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "10000000" },
    days: { type: "string" },
    runs: { type: "string", default: "25" },
    dir: { type: "string" },
    keep: { type: "boolean", default: false },
    "no-naive": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}

const GOAL_P95_MS = 300;
const calls = Number(values.calls);
const days = Number(values.days ?? usualDays(calls));
const runs = Number(values.runs);
const dir = values.dir ?? (await mkdtemp(join(tmpdir(), "signalbox-queries-")));
const say = (text: string): boolean => process.stderr.write(`${text}\n`);

try {
  await prepareStore({ dir, calls, days, onProgress: progress("filled", calls), more: addNaive });
  const result = await measure();
  if (values.json) console.log(JSON.stringify(result, null, 2));
  else print(result);
} finally {
  if (!values.keep && values.dir === undefined) await rm(dir, { recursive: true, force: true });
}

async function addNaive(store: Store, register: Register): Promise<void> {
  const [naive] = await store.query<{ n: string }>("SELECT count() AS n FROM system.tables WHERE database = currentDatabase() AND name = {name:String}", { name: naiveTable });
  if (!values["no-naive"] && naive?.n === "0") await fillNaive(store, register, progress("copied", register.calls));
  await merged(store);
}

async function measure() {
  const engine = await startEngine({ dataDir: dir });
  const store = createMeteredStore(engine.url);
  try {
    const register = await readRegister(store);
    const ids = await sampleIds(store, register, runs);
    const samples = new Map<string, Sample[]>();
    for (let i = -1; i < runs; i++) {
      const asked: Asked = { range: rangeOf(register, i + 1), ...ids[(i + 1) % ids.length]! };
      for (const question of questions) {
        for (const side of values["no-naive"] ? (["tuned"] as const) : (["tuned", "naive"] as const)) {
          const sample = await take(engine.pid, store, () => question[side](store, asked));
          // The first round opens files and fills caches.
          if (i >= 0) at(samples, `${question.name}/${side}`).push(sample);
        }
      }
      say(`round ${i + 2} of ${runs + 1}`);
    }
    const rows = questions.map(({ name }) => {
      const tuned = summary(at(samples, `${name}/tuned`));
      const naive = values["no-naive"] ? null : summary(at(samples, `${name}/naive`));
      return { name, tuned, naive, ratio: naive ? naive.p50Ms / tuned.p50Ms : null, met: tuned.p95Ms < GOAL_P95_MS };
    });
    return { calls: register.calls, days: (register.toMs - register.fromMs) / 86_400_000, runs, questions: rows, sizes: await readSizes(store, register.calls) };
  } finally {
    await store.close();
    await engine.stop();
  }
}

interface Sample {
  ms: number;
  cpuMs: number;
  rows: number;
  bytes: number;
}

async function take(pid: number, store: Meter, ask: () => Promise<unknown>): Promise<Sample> {
  store.take();
  const cpu = cpuMicroseconds([pid]);
  const began = performance.now();
  await ask();
  return { ms: performance.now() - began, cpuMs: (cpuMicroseconds([pid]) - cpu) / 1000, ...store.take() };
}

function summary(samples: readonly Sample[]) {
  const ms = samples.map((s) => s.ms).sort((a, b) => a - b);
  const mean = (of: (s: Sample) => number) => samples.reduce((sum, s) => sum + of(s), 0) / samples.length;
  return { p50Ms: ms[Math.floor(ms.length * 0.5)]!, p95Ms: ms[Math.min(ms.length - 1, Math.ceil(ms.length * 0.95) - 1)]!, cpuMs: mean((s) => s.cpuMs), rows: mean((s) => s.rows), bytes: mean((s) => s.bytes) };
}

function print(result: Awaited<ReturnType<typeof measure>>): void {
  const n = (x: number | null | undefined, digits = 0): string => (x == null ? "" : x.toFixed(digits));
  const heading = ["question", "p50 ms", "p95 ms", "CPU ms", "Mrows read", "MB read", "naive p50", "naive p95", "naive CPU", "naive Mrows", "ratio p50", `under ${GOAL_P95_MS}`];
  const rows = result.questions.map(({ name, tuned, naive, ratio, met }) => [
    name, n(tuned.p50Ms), n(tuned.p95Ms), n(tuned.cpuMs), n(tuned.rows / 1e6, 2), n(tuned.bytes / 1e6, 1), n(naive?.p50Ms), n(naive?.p95Ms), n(naive?.cpuMs), n(naive && naive.rows / 1e6, 1), n(ratio, 1), met ? "yes" : "NO",
  ]);
  console.log(`\n${result.calls} calls over ${result.days.toFixed(1)} days, ${result.runs} runs of each\n\n${formatTable([heading, ...rows])}\n`);
  console.log(formatTable([["on disk", "rows", "MB", "bytes a call"], ...result.sizes.map((s) => [s.table, String(s.rows), n(s.bytes / 1e6, 1), n(s.bytesPerCall, 2)])]));
}

/** Waits until the store has no merge under way, two looks in a row: a bench of what is there, not of its clearing up. */
async function merged(store: Store): Promise<void> {
  for (let quiet = 0, looks = 0; quiet < 2 && looks < 30; looks++) {
    const [row] = await store.query<{ n: string }>("SELECT count() AS n FROM system.merges");
    quiet = row?.n === "0" ? quiet + 1 : 0;
    await sleep(1000);
  }
}

function progress(what: string, all: number): (done: number) => void {
  const began = performance.now();
  let told = 0;
  return (done) => {
    if (done - told < all / 20 && done < all) return;
    told = done;
    say(`${what} ${Math.round(done)} in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  };
}

function at<T>(map: Map<string, T[]>, key: string): T[] {
  const list = map.get(key) ?? [];
  map.set(key, list);
  return list;
}
