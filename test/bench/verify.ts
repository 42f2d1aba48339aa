/** Measures `signalbox audit verify` over a store that is filled with whole chains. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { silentLogger } from "../../collector/kernel/log.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { migrate } from "../../collector/store/migrate.ts";
import { startEngine } from "../support/engine.ts";
import { signalbox } from "../support/run-command.ts";
import { cpuMicroseconds } from "./cpu-time.ts";
import { fillRegister } from "./register-fill.ts";

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "1000000" },
    producers: { type: "string", default: "2" },
    days: { type: "string", default: "3" },
    "store-dir": { type: "string" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log("Usage: node test/bench/verify.ts [--calls <n>] [--producers <n>] [--days <n>] [--store-dir <dir>] [--keep]");
  process.exit(0);
}

const calls = Number(values.calls);
const dataDir = values["store-dir"] ?? (await mkdtemp(join(tmpdir(), "signalbox-verify-")));
const engine = await startEngine({ dataDir });
try {
  const store = createStoreClient({ url: engine.url, caller: "bench" });
  await migrate({ store, folder: new URL("../../collector/store/migrations/", import.meta.url), logger: silentLogger });
  const [there] = await store.query<{ n: string }>("SELECT count() AS n FROM calls");
  if (Number(there?.n) < calls) {
    const began = performance.now();
    const startUs = Date.UTC(2026, 8, 7) * 1000;
    let told = 0;
    await fillRegister({
      storeUrl: engine.url,
      calls,
      producers: Number(values.producers),
      startUs,
      stepUs: Math.floor((Number(values.days) * 86_400e6) / calls),
      onProgress(done) {
        if (done - told < calls / 10) return;
        told = done;
        console.log(`filled ${done} in ${seconds(performance.now() - began)} s`);
      },
    });
  }
  await store.close();
  const began = performance.now();
  const cpuBefore = cpuMicroseconds([engine.pid]);
  const { code, stdout, stderr } = await signalbox(["audit", "verify", "--store-url", engine.url], { cwd: dataDir, timeoutMs: 3_600_000 });
  console.log(stdout + stderr);
  // On a machine that others use too, the store's CPU time over its cores says more than the clock.
  const cpu = seconds((cpuMicroseconds([engine.pid]) - cpuBefore) / 1000);
  console.log(`audit verify of ${calls} calls: ${seconds(performance.now() - began)} s, ${cpu} s of CPU time in the store, exit code ${code}`);
} finally {
  await engine.stop();
  if (!values.keep) await rm(dataDir, { recursive: true, force: true });
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
