/**
 * npm run chaos: calls through the proxy while one thing after the other goes wrong around its records; after each, every
 * call that got an answer is stored exactly once, the rollups equal the rows and the audit verifies. `--short` is what CI
 * runs.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Lifecycle } from "../../collector/kernel/lifecycle.ts";
import { startChildServer } from "../support/child-server.ts";
import { seededRandom } from "../support/random.ts";
import { freePorts, startStack } from "../support/stack.ts";
import { waitFor } from "../support/wait.ts";
import { keepBooks, type ChaosCheck } from "./check.ts";
import type { World } from "./fault.ts";
import { faults, longOnly } from "./faults/index.ts";
import { startLoad } from "./load.ts";
import { startBatchRelay, startTcpRelay } from "./relay.ts";
import { holds, runFault, type Row } from "./run-fault.ts";
import { mountSpoolDisk } from "./spool-disk.ts";
import { table } from "./table.ts";
import { checkTampering } from "./tamper.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    outage: { type: "string" },
    seed: { type: "string", default: "7" },
    short: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const short = values.short;
const outageSeconds = Number(values.outage ?? (short ? 3 : 20));
const all = faults(outageSeconds);
if (values.help) {
  console.log("npm run chaos -- [--only <fault>]... [--outage <seconds>] [--short] [--seed 7] [--json] [--keep]\n");
  for (const fault of all) console.log(`  ${fault.name.padEnd(16)}${fault.what}`);
  process.exit(0);
}
const unknown = (values.only ?? []).filter((name) => !all.some((fault) => fault.name === name));
if (unknown.length > 0) {
  console.error(`chaos: no fault is named ${unknown.join(", ")}; --help lists them`);
  process.exit(2);
}
const chosen = all.filter((fault) => values.only?.includes(fault.name) ?? !(short && longOnly.has(fault.name)));
const random = seededRandom(Number(values.seed));
const say = (line: string): void => void (values.json ? undefined : console.log(line));

/** How long a connection that nobody answers keeps the exporter, and some more. */
const halfOpenSeconds = short ? 0 : 80;
/** A worker's limit: small enough to be reached, and large enough for an outage at the usual rate. */
const spoolMaxBytes = Math.max(6 * 1024 * 1024, Math.ceil(Math.max(outageSeconds, halfOpenSeconds) * 150 * 2048));
const dir = mkdtempSync(join(tmpdir(), "signalbox-chaos-"));
mkdirSync(join(dir, "data", "spool"), { recursive: true });
// Whatever comes up is taken down again, a start that fails half-way included: a mount outlives its process.
const lifecycle = new Lifecycle();
const disk = mountSpoolDisk(join(dir, "data", "spool"), 4 * spoolMaxBytes);
lifecycle.add("disk", () => disk?.unmount());
const clockFile = join(dir, "clock-offset");
writeFileSync(clockFile, "0");
const ports = (await freePorts(4)) as [number, number, number, number];
const batches = await startBatchRelay(`http://127.0.0.1:${ports[1]}`, random);
lifecycle.add("batches", () => batches.stop());
const network = await startTcpRelay({ host: "127.0.0.1", port: Number(new URL(batches.url).port) });
lifecycle.add("network", () => network.stop());
function server(name: string, riskTier: string) {
  return { name, owner: "chaos", contact: "chaos@example.com", riskTier, lifecycle: "approved", endpoint: { transport: "streamable-http", url: upstream.url } };
}
const upstream = await startChildServer(new URL("../bench/upstream.ts", import.meta.url));
lifecycle.add("upstream", () => upstream.stop());
const stack = await startStack({
  dir,
  ports,
  roles: ["store", "collector", "proxy"],
  servers: [server("echo", "medium"), server("notes", "low")],
  rules: [{ id: "all", effect: "allow", match: { servers: ["echo", "notes"] } }],
  agents: ["chaos"],
  config: { proxy: { spoolMaxBytes, workers: 2, whenAuditUnavailable: { low: "continue" } }, audit: { checkpointMs: 2000 } },
  roleEnv: {
    proxy: {
      SIGNALBOX_COLLECTOR_URL: network.url,
      CHAOS_CLOCK_FILE: clockFile,
      NODE_OPTIONS: `--import=${new URL("./clock-offset.ts", import.meta.url).href}`,
    },
  },
}).catch(async (error: unknown) => {
  await lifecycle.stop();
  rmSync(dir, { recursive: true, force: true });
  throw error;
});
lifecycle.add("stack", () => stack.stop({ keep: true }));
const headers = { authorization: `Bearer ${stack.keys.get("chaos") ?? ""}` };
const load = startLoad({ origin: stack.proxyUrl, path: "/mcp/echo", headers, connections: 8, firstId: 1_000_000 });
const books = keepBooks(stack);
lifecycle.add("books", () => books.close());
lifecycle.add("load", () => load.stop());
const world: World = {
  stack,
  load,
  books,
  startUnblocked: () => startLoad({ origin: stack.proxyUrl, path: "/mcp/notes", headers, connections: 4, firstId: 5_000_000 }),
  random,
  network,
  batches,
  disk,
  short,
  outageMs: outageSeconds * 1000,
  setClock: (offsetMs) => writeFileSync(clockFile, String(offsetMs)),
  async answered(calls) {
    const enough = load.answered.size + calls;
    await waitFor(`${calls} calls to be answered`, () => load.answered.size >= enough, { timeoutMs: 60_000, everyMs: 5 });
  },
};
const rows: Row[] = [];
const checks: ChaosCheck[] = [];
try {
  for (const [i, fault] of chosen.entries()) {
    say(`${fault.name}: ${fault.what}`);
    const row = await runFault(fault, world, books, !short || i === chosen.length - 1);
    rows.push(row);
    say(row.skipped ?? `  lost ${row.lost}, duplicated ${row.duplicated}, gaps ${row.named || row.gaps}, recovered in ${row.recoverySeconds.toFixed(1)} s${holds(row) ? "" : `; ${row.problems.length} problems`}`);
  }
  await load.stop();
  if (!values.only) checks.push(...(await checkTampering(stack)));
} finally {
  await lifecycle.stop();
}
const failed = rows.some((row) => row.skipped === null && !holds(row)) || checks.some((check) => !check.ok);
if (values.json) console.log(JSON.stringify({ seed: Number(values.seed), outageSeconds, rows, checks }, null, 2));
for (const line of table(rows)) say(line);
for (const check of checks) say(`${check.ok ? "ok  " : "FAIL"}  ${check.name}: ${check.figure}`);
if (values.keep || failed) say(`kept: ${dir}`);
else rmSync(dir, { recursive: true, force: true });
process.exitCode = failed ? 1 : 0;
