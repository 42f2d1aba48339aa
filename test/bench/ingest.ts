/**
 * npm run bench:ingest: how many spans a second get into the store, durable and in every derived table, by three ways in the
 * same run: blocks that are ready made, our own collector, and the real one where it is built. Prints medians over rounds.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Pool } from "undici";
import { silentLogger } from "../../collector/kernel/log.ts";
import { createStoreClient, type Store } from "../../collector/store/client.ts";
import { migrate } from "../../collector/store/migrate.ts";
import { noOtelcol, startOtelcol } from "../support/otelcol.ts";
import { startStack } from "../support/stack.ts";
import { formatTable } from "../support/table.ts";
import { cpuMicroseconds } from "./cpu-time.ts";
import { ingestBatches, type IngestBatch } from "./ingest-batches.ts";

const help = `Usage: npm run bench:ingest -- [options]

  --rounds <n>      how many rounds (default 5)
  --spans <n>       spans a round and way (default 120000)
  --batch <n>       spans a request (default 10000)
  --senders <n>     requests under way at once (default 3)
  --only <names>    some of direct, receiver, otelcol
  --check           exit with 1 unless the goals are met
  --json            print every sample as JSON`;

/** Of the issue: with the store, on two cores; memory of both together. */
const GOALS = { spansPerSecond: 20_000, ofDirect: 0.5, rssMiB: 2048 };

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    spans: { type: "string", default: "120000" },
    batch: { type: "string", default: "10000" },
    senders: { type: "string", default: "3" },
    only: { type: "string", default: "direct,receiver,otelcol" },
    check: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}

interface Way {
  readonly name: string;
  readonly pool: Pool;
  readonly store: Store;
  readonly pids: readonly number[];
  post(batch: IngestBatch): { path: string; headers: Record<string, string>; body: Buffer };
  /** What an answer does not promise yet. */
  settled(): Promise<void>;
}

interface Sample {
  way: string;
  round: number;
  spansPerSecond: number;
  storeCpuUsPerSpan: number;
  collectorCpuUsPerSpan: number;
  storeMiB: number;
  collectorMiB: number;
}

const senders = Number(values.senders);
const spansPerBatch = Number(values.batch);
const batchesPerRound = Math.ceil(Number(values.spans) / spansPerBatch);
const stack = await startStack({ roles: ["store", "collector"], servers: [], rules: [], agents: [] });
const storePid = stack.roles.get("store")?.pid() ?? 0;
const stopping: (() => Promise<unknown>)[] = [];
const samples: Sample[] = [];
let seq = 1;
try {
  const ways = (await Promise.all(values.only.split(",").map(open))).filter((way) => way !== undefined);
  for (let round = 0; round < Number(values.rounds) + 1; round++) {
    for (let i = 0; i < ways.length; i++) {
      const sample = await measure(ways[(round + i) % ways.length] as Way, round);
      // The first round warms up what compiles itself while it runs.
      if (round > 0) samples.push(sample);
      if (!values.json) process.stderr.write(`round ${round} ${sample.way}: ${Math.round(sample.spansPerSecond)} spans/s\n`);
    }
  }
} finally {
  for (const stop of stopping.reverse()) await stop();
  await stack.stop();
}

const summaries = [...new Set(samples.map((s) => s.way))].map(summary);
const receiver = summaries.find((s) => s.way === "receiver");
const goals = [
  { goal: `receiver and store at least ${GOALS.spansPerSecond} spans/s`, met: (receiver?.spansPerSecond ?? 0) >= GOALS.spansPerSecond },
  { goal: `at least ${GOALS.ofDirect} of a direct insert`, met: (receiver?.ofDirect ?? 0) >= GOALS.ofDirect },
  { goal: `in less than ${GOALS.rssMiB} MiB`, met: (receiver?.storeMiB ?? 0) + (receiver?.collectorMiB ?? 0) < GOALS.rssMiB },
];
if (values.json) {
  console.log(JSON.stringify({ summaries, samples, goals }, null, 2));
} else {
  const heading = ["way", "spans/s", "of direct", "store us/span", "collector us/span", "CPU of 2 cores allows", "store MiB", "collector MiB"];
  const rows = summaries.map((s) => [s.way, s.spansPerSecond.toFixed(0), s.ofDirect?.toFixed(2) ?? "", s.storeCpuUsPerSpan.toFixed(1), s.collectorCpuUsPerSpan.toFixed(1), (2e6 / (s.storeCpuUsPerSpan + s.collectorCpuUsPerSpan)).toFixed(0), s.storeMiB.toFixed(0), s.collectorMiB.toFixed(0)]);
  console.log(`\n${batchesPerRound} requests of ${spansPerBatch} spans a round, ${senders} at once; CPU of the processes, without the sender's\n\n${formatTable([heading, ...rows])}\n`);
  for (const { goal, met } of goals) console.log(`${met ? "met    " : "NOT MET"}  ${goal}`);
}
if (values.check && goals.some((g) => !g.met)) process.exitCode = 1;

async function open(name: string): Promise<Way | undefined> {
  const connection = { url: stack.storeUrl, username: "default", password: "" };
  const prepare = async (database: string): Promise<Store> => {
    const store = createStoreClient({ ...connection, database, caller: "bench" });
    await migrate({ store, folder: new URL("../../collector/store/migrations/", import.meta.url), logger: silentLogger });
    stopping.push(() => store.close());
    return store;
  };
  const poolTo = (url: string): Pool => {
    const pool = new Pool(url, { connections: senders });
    stopping.push(() => pool.close());
    return pool;
  };
  const otlp = (batch: IngestBatch) => ({
    path: "/v1/traces",
    headers: { "content-type": "application/x-protobuf", "x-signalbox-batch": batch.name },
    body: batch.otlp,
  });
  if (name === "direct") {
    const query = "INSERT INTO otel_traces FORMAT Native";
    const settings = { database: "direct", query, async_insert: "0", deduplicate_blocks_in_dependent_materialized_views: "1", optimize_on_insert: "0" };
    const post = (batch: IngestBatch) => ({
      path: `/?${new URLSearchParams({ ...settings, insert_deduplication_token: batch.name })}`,
      headers: {},
      body: batch.native,
    });
    return { name, pool: poolTo(stack.storeUrl), store: await prepare("direct"), pids: [], post, settled: async () => undefined };
  }
  if (name === "receiver") {
    const pids = [stack.roles.get("collector")?.pid() ?? 0];
    return { name, pool: poolTo(stack.collectorUrl), store: await prepare("signalbox"), pids, post: otlp, settled: async () => undefined };
  }
  if (noOtelcol !== undefined) {
    process.stderr.write(`without the real collector: ${noOtelcol}\n`);
    return undefined;
  }
  const store = await prepare("otelcol");
  const otelcol = await startOtelcol({ ...connection, database: "otelcol" });
  stopping.push(() => otelcol.stop());
  return { name, pool: poolTo(otelcol.auditUrl), store, pids: [otelcol.pid], post: otlp, settled: () => otelcol.settled() };
}

async function measure(way: Way, round: number): Promise<Sample> {
  const batches = ingestBatches({ producer: way.name, firstSeq: seq, batches: batchesPerRound, spans: spansPerBatch });
  const spans = batches.reduce((sum, batch) => sum + batch.spans, 0);
  const calls = spans / 2;
  const before = await countCalls(way.store);
  seq += calls;
  const [storeCpu, ownCpu] = [cpuMicroseconds([storePid]), cpuMicroseconds(way.pids)];
  const startedAt = performance.now();
  const queue = [...batches];
  const lane = async (): Promise<void> => {
    for (let batch = queue.shift(); batch; batch = queue.shift()) {
      const response = await way.pool.request({ method: "POST", ...way.post(batch) });
      const text = await response.body.text();
      if (response.statusCode === 503 || response.statusCode === 429) {
        // As every sender does that is told to come back.
        queue.push(batch);
        await sleep(200);
      } else if (response.statusCode !== 200) throw new Error(`${way.name} answered ${response.statusCode}: ${text.slice(0, 300)}`);
    }
  };
  await Promise.all(Array.from({ length: senders }, lane));
  await way.settled();
  const seconds = (performance.now() - startedAt) / 1000;
  const sample = {
    way: way.name,
    round,
    spansPerSecond: spans / seconds,
    storeCpuUsPerSpan: (cpuMicroseconds([storePid]) - storeCpu) / spans,
    collectorCpuUsPerSpan: (cpuMicroseconds(way.pids) - ownCpu) / spans,
    storeMiB: rssMiB([storePid]),
    collectorMiB: rssMiB(way.pids),
  };
  const stored = (await countCalls(way.store)) - before;
  if (stored !== calls) throw new Error(`${way.name} stored ${stored} of ${calls} calls`);
  return sample;
}

async function countCalls(store: Store): Promise<number> {
  const [row] = await store.query<{ n: string }>("SELECT sum(calls) AS n FROM calls_1m");
  return Number(row?.n);
}

function rssMiB(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024, 0);
}

function summary(way: string): Omit<Sample, "round"> & { ofDirect: number | undefined } {
  const own = samples.filter((s) => s.way === way);
  const beside = (s: Sample): number | undefined => samples.find((other) => other.way === "direct" && other.round === s.round)?.spansPerSecond;
  const of = (pick: (s: Sample) => number): number => median(own.map(pick));
  const hasDirect = own.every((s) => beside(s) !== undefined);
  return {
    way,
    spansPerSecond: of((s) => s.spansPerSecond),
    ofDirect: hasDirect ? of((s) => s.spansPerSecond / (beside(s) as number)) : undefined,
    storeCpuUsPerSpan: of((s) => s.storeCpuUsPerSpan),
    collectorCpuUsPerSpan: of((s) => s.collectorCpuUsPerSpan),
    storeMiB: Math.max(...own.map((s) => s.storeMiB)),
    collectorMiB: Math.max(...own.map((s) => s.collectorMiB)),
  };
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
