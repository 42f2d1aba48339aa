/**
 * The memory of one worker that holds open streams, against the same worker with none: GET streams of the older revisions,
 * subscriptions/listen of the newest. The goal is 150 MB.
 */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startChildServer } from "../support/child-server.ts";
import { startOtlpSink } from "../support/otlp-sink.ts";
import { httpServer } from "../support/proxy-app.ts";
import { startStack } from "../support/stack.ts";
import { formatTable } from "../support/table.ts";
import { waitFor } from "../support/wait.ts";
import { cpuMicroseconds } from "./cpu-time.ts";

const help = `Usage: node test/bench/streams.ts [options]

  --streams <n>   how many streams to open (default 1000)
  --seconds <n>   how long they stay open (default 20)
  --kind <kind>   GET or listen (default: one after the other)
  --rounds <n>    open and close them so often: with one kind, what stays behind is seen (default 1)
  --json          print as JSON`;

const { values } = parseArgs({
  options: {
    streams: { type: "string", default: "1000" },
    seconds: { type: "string", default: "20" },
    kind: { type: "string" },
    rounds: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const count = Number(values.streams);
const seconds = Number(values.seconds);
const kinds = (["GET", "listen"] as const).filter((kind) => values.kind === undefined || values.kind === kind);
if (kinds.length === 0) throw new Error("--kind is GET or listen");

const upstream = await startChildServer(new URL("./stream-upstream.ts", import.meta.url));
const sink = await startOtlpSink();
const stack = await startStack({
  roles: ["proxy"],
  servers: [httpServer(upstream.url) as Record<string, unknown>],
  rules: [{ id: "all", effect: "allow" }],
  agents: ["bench"],
  env: { UV_THREADPOOL_SIZE: "4" },
  config: { collector: { url: sink.url }, proxy: { workers: 1 } },
});
const { port } = new URL(stack.proxyUrl);
const authorization = `Bearer ${stack.keys.get("bench") ?? ""}`;
const modern = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };

/** Of the primary's processes the one whose environment names a slot: its children are the worker and the host of stdio servers. */
function workerPid(): number {
  const primary = stack.roles.get("proxy")?.pid() ?? 0;
  const children = readFileSync(`/proc/${primary}/task/${primary}/children`, "utf8").trim().split(" ").map(Number);
  const found = children.find((pid) => readFileSync(`/proc/${pid}/environ`, "utf8").includes("SIGNALBOX_SLOT="));
  if (found === undefined) throw new Error("the proxy has no worker");
  return found;
}
const pid = workerPid();
const rssMb = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

/** The largest of what is seen while nothing but the streams is there. */
async function settled(): Promise<number> {
  let most = 0;
  for (let i = 0; i < seconds * 4; i++) {
    await sleep(250);
    most = Math.max(most, rssMb());
  }
  return most;
}

function openStream(index: number, kind: "GET" | "listen"): { socket: Socket; opened: Promise<void> } {
  const socket = connect(Number(port), "127.0.0.1");
  const common = `Host: 127.0.0.1\r\nAuthorization: ${authorization}\r\nAccept: application/json, text/event-stream\r\n`;
  if (kind === "GET") socket.write(`GET /mcp/fixture HTTP/1.1\r\n${common}MCP-Protocol-Version: 2025-06-18\r\n\r\n`);
  else {
    const body = JSON.stringify({ jsonrpc: "2.0", id: index, method: "subscriptions/listen", params: { notifications: { toolsListChanged: true }, _meta: modern } });
    socket.write(`POST /mcp/fixture HTTP/1.1\r\n${common}MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  }
  const opened = new Promise<void>((resolve, reject) => {
    let seen = "";
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      if (seen.length > 4096) return;
      seen += chunk.toString("latin1");
      if (seen.includes('"data":"open"')) resolve();
      else if (!seen.startsWith("HTTP/1.1 200")) reject(new Error(seen.slice(0, 300)));
    });
  });
  return { socket, opened };
}

async function call(id: number): Promise<number> {
  const started = performance.now();
  const body = JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "echo", arguments: { n: id } } });
  const response = await fetch(`${stack.proxyUrl}/mcp/fixture`, { method: "POST", headers: { authorization, "content-type": "application/json", accept: "application/json, text/event-stream" }, body });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  await response.text();
  return performance.now() - started;
}
/** What a call takes beside the streams: as its caller sees it, and of the worker's CPU, which other work on the machine leaves alone. */
async function calls(): Promise<{ callMsP50: number; callCpuMs: number }> {
  const times: number[] = [];
  const before = cpuMicroseconds([pid]);
  for (let i = 0; i < CALLS; i++) times.push(await call(i));
  const cpuMs = (cpuMicroseconds([pid]) - before) / 1000 / CALLS;
  return { callMsP50: Number(times.sort((a, b) => a - b)[CALLS / 2]!.toFixed(2)), callCpuMs: Number(cpuMs.toFixed(2)) };
}
const CALLS = 1000;

try {
  // What a worker that has served anything takes, before streams.
  for (let i = 0; i < 3000; i++) await call(i);
  const rows: { streams: string; rssMb: number; aboveNoneMb: number; callMsP50: number; callCpuMs: number }[] = [];
  const measure = async (streams: string): Promise<void> => {
    const mb = await settled();
    const took = await calls();
    rows.push({ streams, rssMb: Number(mb.toFixed(1)), aboveNoneMb: Number((mb - (rows[0]?.rssMb ?? mb)).toFixed(1)), ...took });
  };
  await measure("none");
  for (const kind of Array.from({ length: Number(values.rounds) }, () => kinds).flat()) {
    const streams = Array.from({ length: count }, (_, index) => openStream(index, kind));
    await Promise.all(streams.map(({ opened }) => opened));
    await measure(`${count} ${kind}`);
    for (const { socket } of streams) socket.destroy();
    await waitFor("the worker to have let go of the streams", () => readFileSync(`/proc/${pid}/net/tcp`, "utf8").split("\n").filter((line) => line.includes(`:${Number(port).toString(16).toUpperCase().padStart(4, "0")} `) && / 01 /.test(line)).length < 20, { timeoutMs: 60_000 });
    await measure(`none, after ${count} ${kind}`);
  }
  if (values.json) console.log(JSON.stringify(rows));
  else console.log(formatTable([["streams", "worker MB", "above none", "p50 of a call ms", "CPU of a call ms"], ...rows.map((row) => Object.values(row).map(String))]));
} finally {
  await stack.stop();
  await sink.stop();
  await upstream.stop();
}
