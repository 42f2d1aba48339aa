/**
 * node test/bench/idle.ts [--seconds 60] [--rows 100000]: what a store costs that nobody asks anything: its tables are made, hold
 * some calls, and are left alone.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { storeConfigSchema } from "../../collector/config.ts";
import { systemClock } from "../../collector/kernel/clock.ts";
import { silentLogger } from "../../collector/kernel/log.ts";
import { migrateStore } from "../../collector/receive/index.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { startEngine } from "../support/engine.ts";
import { waitFor } from "../support/wait.ts";
import { cpuMicroseconds } from "./cpu-time.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, rows: { type: "string", default: "100000" } } });
const seconds = Number(values.seconds);

function memory(pid: number): { rssMb: number; threads: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const number = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  return { rssMb: Math.round(number("VmRSS") / 1024), threads: number("Threads") };
}

const engine = await startEngine();
const store = createStoreClient({ url: engine.url, caller: "bench" });
try {
  await migrateStore(storeConfigSchema.parse({ url: engine.url }), systemClock, silentLogger);
  await store.command(
    `INSERT INTO otel_traces (Timestamp, TraceId, SpanKind, SpanAttributes)
     SELECT now() - number % 86400, toString(number), 'Server', map('signalbox.audit.producer', 'px-1', 'signalbox.audit.seq', toString(number + 1), 'signalbox.server', 's', 'gen_ai.tool.name', 't')
     FROM numbers(${Number(values.rows)})`,
  );
  await waitFor("merges and mutations to end", async () => {
    const [row] = await store.query<{ n: number }>("SELECT toUInt32((SELECT count() FROM system.merges) + (SELECT count() FROM system.mutations WHERE NOT is_done)) AS n");
    return row?.n === 0;
  });
  const before = cpuMicroseconds([engine.pid]);
  await sleep(seconds * 1000);
  const cpuS = (cpuMicroseconds([engine.pid]) - before) / 1e6;
  const logs = await store.query("SELECT name FROM system.tables WHERE database = 'system' AND name LIKE '%\\\\_log'");
  console.log(JSON.stringify({ seconds, cpuS, percent: Number(((100 * cpuS) / seconds).toFixed(2)), ...memory(engine.pid), systemLogs: logs.length }));
} finally {
  await store.close();
  await engine.stop();
}
