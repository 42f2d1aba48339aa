/**
 * npm run fuzz: real messages, changed in every way that comes to mind, through the proxy's own processes to an upstream that
 * keeps what reaches it. Afterwards every message has one record, what reached the upstream is what its record says was
 * judged, and the worker is the one that it was. The same seed and index give the same message.
 */
import { mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openSpoolReader } from "../../collector/audit/reader.ts";
import type { CallRecord } from "../../collector/record/call-record.ts";
import { readDigestKey, workerSpoolDir } from "../../proxy/data-files.ts";
import { Digester } from "../../proxy/relay/digest.ts";
import { seededRandom } from "../support/random.ts";
import { startStack } from "../support/stack.ts";
import { check, isMessage, rules, type Seen } from "./check.ts";
import { addressOf, exchange } from "./connection.ts";
import { MAX_BODY_BYTES, plan } from "./mutate.ts";
import { startRecordingUpstream } from "./upstream.ts";

const help = `Usage: npm run fuzz -- [options]

  --seed <n>      which messages (default: drawn, and printed)
  --messages <n>  how many connections at most, each with one message or a few (default 10000)
  --seconds <n>   stops sending after this long (default 120)
  --only <n>      sends the message of this index alone, and prints it
  --json          print the outcome as JSON
  --help          show this`;

const { values } = parseArgs({
  options: { seed: { type: "string" }, messages: { type: "string", default: "10000" }, seconds: { type: "string", default: "120" }, only: { type: "string" }, json: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const say = (line: string): void => void (values.json ? undefined : console.log(line));
say(`fuzz: seed ${seed}`);

/** Connections at one time. */
const AT_ONCE = 24;
const SHOWN_FAULTS = 20;

const upstream = await startRecordingUpstream(seed);
const dir = mkdtempSync(join(tmpdir(), "signalbox-fuzz-"));
const probeDir = join(dir, "probe");
mkdirSync(probeDir);
const server = (name: string, riskTier: string) => ({ name, owner: "fuzz", contact: "fuzz@example.com", riskTier, lifecycle: "approved", endpoint: { transport: "streamable-http", url: `${upstream.url}/mcp` } });
const servers = [server("fixture", "low"), server("vault", "high")];
const stack = await startStack({
  dir,
  roles: ["proxy"],
  servers,
  rules,
  agents: ["fuzz"],
  config: {
    // Nobody listens there: every record stays in the spool, to be read afterwards.
    collector: { url: "http://127.0.0.1:9" },
    proxy: { workers: 1, maxBodyBytes: MAX_BODY_BYTES, denialBreaker: false },
  },
  env: { UV_THREADPOOL_SIZE: "4", FUZZ_PROBE_DIR: probeDir, NODE_OPTIONS: `--import=${new URL("./probe.ts", import.meta.url).href}` },
});
const port = Number(new URL(stack.proxyUrl).port);
const key = stack.keys.get("fuzz") ?? "";

async function post(body: unknown, to = "fixture"): Promise<Response> {
  return fetch(`${stack.proxyUrl}/mcp/${to}`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  });
}

const faults: string[] = [];
const plans = new Map<string, readonly string[]>();
const planOf = (index: number, sessionId: string) => plan(seededRandom(seed * 1_000_003 + index), { key, sessionId }, index);
const workers = (): string[] => readdirSync(probeDir).map((name) => name.replace(".ndjson", ""));

let sent = 0;
let answered = 0;
let broken = 0;
const started = performance.now();
const begun = await post({ jsonrpc: "2.0", id: 0, method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "fuzz", version: "1" } } });
await begun.text();
// From here on the proxy knows which headers the tools ask for: of a tool that no list has named, the server alone knows.
for (const { name } of servers) {
  const list = await (await post({ jsonrpc: "2.0", id: 1, method: "tools/list" }, name)).text();
  if (!list.includes("x-mcp-header")) faults.push(`the tools of ${name} were not listed: ${list.slice(0, 200)}`);
}
const sessionId = begun.headers.get("mcp-session-id") ?? "";

const one = async (index: number): Promise<void> => {
  const planned = planOf(index, sessionId);
  const address = addressOf(index);
  plans.set(address, planned.what);
  if (values.only !== undefined) console.log(Buffer.concat([...planned.writes]).toString("latin1"));
  const { received, ended } = await exchange(planned, port, address);
  if (values.only !== undefined) console.log(`---\n${received.toString("latin1")}`);
  sent++;
  if (!planned.sound) broken++;
  if (received.length > 0) answered++;
  if (planned.sound && !ended) faults.push(`#${index} ${address} (${planned.what.join(", ")}): was not answered`);
  if (received.includes("The proxy failed to relay this message")) faults.push(`#${index} ${address} (${planned.what.join(", ")}): failed inside the proxy`);
};

if (values.only !== undefined) await one(Number(values.only));
else {
  const untilMs = started + Number(values.seconds) * 1000;
  let next = 1;
  const lane = async (): Promise<void> => {
    while (next <= Number(values.messages) && performance.now() < untilMs) await one(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}
const seconds = (performance.now() - started) / 1000;

const last = await post({ jsonrpc: "2.0", id: "last", method: "ping" });
if (last.status !== 200) faults.push(`the worker no longer answers: ${last.status} ${await last.text()}`);
else await last.text();
await stack.stop({ keep: true });
await upstream.stop();
if (workers().length !== 1) faults.push(`the worker was replaced: processes ${workers().join(", ")} served requests`);

const records: CallRecord[] = [];
for await (const line of (await openSpoolReader(workerSpoolDir(stack.dataDir, 0))).lines()) {
  if (line.record === null) faults.push(`record ${line.seq}: ${line.problem}`);
  else records.push(line.record);
}
const seen = workers().flatMap((pid) => readFileSync(join(probeDir, `${pid}.ndjson`), "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line) as Seen));
faults.push(...check({ seen, records, reached: upstream.reached, digester: new Digester(readDigestKey(stack.dataDir)), whatOf: (address) => plans.get(address)?.join(", ") ?? "not changed" }));
const log = readdirSync(join(dir, "logs")).map((name) => readFileSync(join(dir, "logs", name), "utf8")).join("");
for (const line of log.split("\n")) if (/relaying failed|uncaught|could not be recorded|withheld/i.test(line)) faults.push(`the proxy's log: ${line.slice(0, 600)}`);

const reasons: Record<string, number> = {};
for (const { outcome, reason, decision } of records) {
  const why = decision === "deny" ? `deny ${reason}` : `${decision} ${outcome}`;
  reasons[why] = (reasons[why] ?? 0) + 1;
}
const messages = seen.filter(isMessage).length;
const outcome = { seed, seconds: Number(seconds.toFixed(1)), connections: sent, broken, answered, requests: seen.length, messages, records: records.length, reached: upstream.reached.length, reasons, faults: faults.length };
if (values.json) console.log(JSON.stringify({ ...outcome, first: faults.slice(0, SHOWN_FAULTS) }));
else {
  say(`${sent} connections in ${outcome.seconds} s (${broken} with their framing broken): ${seen.length} became HTTP requests, ${messages} of them messages for a server; ${records.length} records, ${upstream.reached.length} reached the upstream.`);
  for (const [why, count] of Object.entries(reasons).sort((a, b) => b[1] - a[1])) say(`  ${String(count).padStart(6)}  ${why}`);
  for (const fault of faults.slice(0, SHOWN_FAULTS)) say(`FAULT ${fault}`);
  say(faults.length === 0 ? "Each message has one record, and what reached the upstream is what was judged." : `${faults.length} faults. The same again: npm run fuzz -- --seed ${seed} --messages ${values.messages}`);
}
rmSync(dir, { recursive: true, force: true });
process.exit(faults.length === 0 ? 0 : 1);
