import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterEach, expect, test } from "vitest";
import { fixtureStdio } from "../../support/mcp-fixture.ts";
import { asAlice, asBob } from "../../support/proxy-app.ts";
import { startStdioProxy, type StdioProxy } from "../../support/stdio-proxy.ts";
import { waitFor } from "../../support/wait.ts";

let proxy: StdioProxy;
const clients: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await proxy.stop();
});

const odd = (kind: string) => ({ command: process.execPath, args: [fileURLToPath(new URL("../../fixtures/stdio-odd.ts", import.meta.url)), kind] });
const urlOf = (server: string) => new URL(`${proxy.baseUrl}/mcp/${server}`);

async function legacyClient(server: string): Promise<Client> {
  const client = new Client({ name: "legacy", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(urlOf(server), { requestInit: { headers: asAlice } }));
  clients.push(client);
  return client;
}

async function modernClient(server: string): Promise<ModernClient> {
  const client = new ModernClient({ name: "modern", version: "1" }, { versionNegotiation: { mode: "auto" } });
  await client.connect(new ModernTransport(urlOf(server), { requestInit: { headers: asAlice } }));
  clients.push(client);
  return client;
}

const json = { "content-type": "application/json", accept: "application/json, text/event-stream", ...asAlice };
const post = (server: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(urlOf(server), { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify(body) });
const initialize = { jsonrpc: "2.0", id: 0, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } } };

async function session(server: string): Promise<Record<string, string>> {
  const response = await post(server, initialize);
  await response.text();
  return { "mcp-session-id": response.headers.get("mcp-session-id") ?? "" };
}

for (const [era, connect] of [
  ["old", legacyClient],
  ["new", modernClient],
] as const) {
  test(`real npm servers serve a client of the ${era} SDK`, async () => {
    proxy = await startStdioProxy([
      { name: "everything", command: "node:@modelcontextprotocol/server-everything" },
      { name: "filesystem", command: "node:@modelcontextprotocol/server-filesystem", args: ["${dataDir}/files"] },
      { name: "memory", command: "node:@modelcontextprotocol/server-memory" },
    ]);
    mkdirSync(join(proxy.dir, "files"));
    writeFileSync(join(proxy.dir, "files", "a.txt"), "hello from a file");

    const everything = await connect("everything");
    expect((await everything.listTools()).tools.length).toBeGreaterThan(3);
    expect(JSON.stringify(await everything.callTool({ name: "echo", arguments: { message: "hi" } }))).toContain("hi");
    const filesystem = await connect("filesystem");
    const read = await filesystem.callTool({ name: "read_text_file", arguments: { path: join(proxy.dir, "files", "a.txt") } });
    expect(JSON.stringify(read)).toContain("hello from a file");
    const memory = await connect("memory");
    expect((await memory.listTools()).tools.map((tool) => tool.name)).toContain("read_graph");

    expect(proxy.audit.records.filter((r) => r.method === "tools/call")).toMatchObject([
      { server: "everything", tool: "echo", outcome: "ok", transport: "pipe", upstreamAddress: "server-everything" },
      { server: "filesystem", tool: "read_text_file", outcome: "ok", transport: "pipe" },
    ]);
  });
}

test("progress and answers of a modern server reach the one who asked, though two clients use the same ids", async () => {
  proxy = await startStdioProxy([{ name: "fixture", ...fixtureStdio }]);
  const both = await Promise.all([modernClient("fixture"), modernClient("fixture")]);
  const seen = await Promise.all(
    both.map(async (client) => {
      const progress: number[] = [];
      await client.callTool({ name: "test_tool_with_progress", arguments: {} }, { onprogress: (p) => progress.push(p.progress) });
      return progress;
    }),
  );
  expect(seen[0]!.length).toBeGreaterThan(1);
  expect(seen[1]).toEqual(seen[0]);
  expect(proxy.audit.records.find((r) => r.method === "tools/call")).toMatchObject({ protocolVersion: "2026-07-28", sessionId: "" });
});

test("a client of the newest revision is told of a server that speaks neither era", async () => {
  proxy = await startStdioProxy([{ name: "old", ...odd("echo") }]);
  const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };
  const response = await post("old", { jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta } }, { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list" });
  expect(response.status).toBe(502);
  expect(await response.json()).toMatchObject({ id: 1, error: { code: 50204, message: expect.stringContaining("neither protocol era") } });
  expect(proxy.audit.records.at(-1)).toMatchObject({ method: "tools/list", outcome: "transport_error", rpcCode: "50204" });
});

test("every session has a process of its own, which ends with it", async () => {
  proxy = await startStdioProxy([{ name: "old", ...odd("echo") }]);
  const [one, two] = [await session("old"), await session("old")];
  const pidOf = async (headers: Record<string, string>) => ((await (await post("old", { jsonrpc: "2.0", id: 1, method: "x" }, headers)).json()) as { result: { pid: number } }).result.pid;
  const [first, second] = [await pidOf(one), await pidOf(two)];
  expect(first).not.toBe(second);
  expect(await pidOf(one)).toBe(first);

  expect((await fetch(urlOf("old"), { method: "DELETE", headers: { ...asAlice, ...one } })).status).toBe(200);
  await waitFor("the process to end", () => !isRunning(first));
  expect((await post("old", { jsonrpc: "2.0", id: 2, method: "x" }, one)).status).toBe(404);
  expect(isRunning(second)).toBe(true);
});

test("a session that nobody uses ends", async () => {
  proxy = await startStdioProxy([{ name: "old", ...odd("echo") }], { idleMs: 100 });
  const headers = await session("old");
  await waitFor("the session to end", async () => {
    // A GET would keep it alive; a DELETE that finds nothing says so.
    return (await fetch(urlOf("old"), { method: "DELETE", headers: { ...asAlice, ...headers } })).status === 404;
  }, { everyMs: 200 });
});

test("no more processes are started than the registry allows", async () => {
  proxy = await startStdioProxy([{ name: "old", ...odd("echo"), maxProcesses: 1 }]);
  const headers = await session("old");
  const refused = await post("old", initialize);
  expect(refused.status).toBe(503);
  expect(proxy.audit.records.at(-1)).toMatchObject({ outcome: "transport_error", errorType: "503" });
  await fetch(urlOf("old"), { method: "DELETE", headers: { ...asAlice, ...headers } });
  await waitFor("room", async () => (await post("old", initialize)).status === 200);
});

test("a server that dies in a call ends the call and its session, and the call is recorded", async () => {
  proxy = await startStdioProxy([{ name: "dies", ...odd("exit") }]);
  const headers = await session("dies");
  const response = await post("dies", { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "x" } }, headers);
  expect(response.status).toBe(502);
  expect(proxy.audit.records.at(-1)).toMatchObject({ method: "tools/call", outcome: "transport_error" });
  expect((await post("dies", { jsonrpc: "2.0", id: 2, method: "tools/list" }, headers)).status).toBe(404);
});

test("a server whose line has no end is stopped", async () => {
  proxy = await startStdioProxy([{ name: "flood", ...odd("flood") }]);
  const response = await post("flood", initialize);
  expect(response.status).toBe(502);
  expect(proxy.audit.records.at(-1)).toMatchObject({ method: "initialize", outcome: "transport_error" });
});

test("a program that is not there is a transport error, and is not tried in a tight loop", async () => {
  proxy = await startStdioProxy([{ name: "nothing", command: "/nonexistent/program" }]);
  expect((await post("nothing", initialize)).status).toBe(502);
  expect((await post("nothing", initialize)).status).toBe(503);
});

test("with a process per principal, newest-era clients share one with their principal alone", async () => {
  const pids = async (server: string) => {
    const pidOf = async (headers: Record<string, string>) => {
      const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };
      const answer = await post(server, { jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta } }, { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list", "x-signalbox-principal": "somebody-else", ...headers });
      return ((await answer.json()) as { result: { pid: number } }).result.pid;
    };
    return [await pidOf(asAlice), await pidOf(asBob), await pidOf(asAlice)];
  };
  proxy = await startStdioProxy([{ name: "own", ...odd("modern"), perPrincipal: true }, { name: "shared", ...odd("modern") }]);
  const [alice, bob, again] = await pids("own");
  expect(alice).not.toBe(bob);
  expect(again).toBe(alice);
  expect(new Set(await pids("shared")).size).toBe(1);
});

test("no more processes are started for principals than the registry allows", async () => {
  proxy = await startStdioProxy([{ name: "own", ...odd("modern"), perPrincipal: true, maxProcesses: 1 }]);
  const list = (headers: Record<string, string>) => {
    const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };
    return post("own", { jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta } }, { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list", ...headers });
  };
  expect((await list(asAlice)).status).toBe(200);
  expect((await list(asBob)).status).toBe(503);
});

test("a server that holds more memory than it may is ended, and its call is on record", async () => {
  proxy = await startStdioProxy([{ name: "hoard", ...odd("hoard"), maxMemoryBytes: 300 * 1024 * 1024 }]);
  const headers = await session("hoard");
  expect((await post("hoard", { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "x" } }, headers)).status).toBe(502);
  expect(proxy.audit.records.at(-1)).toMatchObject({ method: "tools/call", outcome: "transport_error" });
});

test("closing the response tells a server to cancel", async () => {
  proxy = await startStdioProxy([{ name: "mute", ...odd("mute"), riskTier: "high" }]);
  const abort = new AbortController();
  const response = fetch(urlOf("mute"), { method: "POST", headers: json, body: JSON.stringify(initialize), signal: abort.signal });
  response.catch(() => {});
  // An intent is written right before the call is forwarded.
  await waitFor("the call to be forwarded", () => proxy.audit.intents.length > 0);
  abort.abort();
  expect(await proxy.audit.recorded((r) => r.outcome === "cancelled")).toMatchObject({ method: "initialize" });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
