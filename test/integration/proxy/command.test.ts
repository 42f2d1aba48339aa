import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { stringify } from "yaml";
import type { CallRecord } from "../../../collector/record/call-record.ts";
import { fixtureStdio } from "../../support/mcp-fixture.ts";
import { httpServer } from "../../support/proxy-app.ts";
import { signalbox } from "../../support/run-command.ts";
import { startStack, type Stack } from "../../support/stack.ts";
import { answerJson, idOf, startStubUpstream, type StubUpstream } from "../../support/stub-upstream.ts";
import { waitFor } from "../../support/wait.ts";

let upstream: StubUpstream;
let stack: Stack;

afterEach(async () => {
  await stack?.stop();
  await upstream?.stop();
});

const allowAll = [{ id: "allow-all", effect: "allow", match: { agents: ["tester"] } }];

async function start(rules: Record<string, unknown>[] = allowAll, workers = 2): Promise<void> {
  upstream = await startStubUpstream();
  stack = await startStack({
    roles: ["proxy"],
    servers: [
      httpServer(upstream.url) as Record<string, unknown>,
      httpServer("", { name: "stdio", endpoint: { transport: "stdio", ...fixtureStdio } }) as Record<string, unknown>,
    ],
    rules,
    agents: ["tester"],
    // Nobody listens there: the records stay in the spool, where a test can read them.
    config: { collector: { url: "http://127.0.0.1:9" }, store: { url: "http://127.0.0.1:9" }, proxy: { workers } },
  });
}

function call(id: number, server = "fixture", connection = "close"): Promise<Response> {
  return fetch(`${stack.proxyUrl}/mcp/${server}`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", authorization: `Bearer ${stack.keys.get("tester")}`, connection },
    body: JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "read", arguments: { id } } }),
  });
}

const spoolDir = (slot: number) => join(stack.dataDir, "spool", `worker-${slot}`);

/** Everything that the workers have written down. */
function records(): CallRecord[] {
  return readdirSync(join(stack.dataDir, "spool")).flatMap((worker) =>
    readdirSync(join(stack.dataDir, "spool", worker))
      .filter((name) => /^\d{20}\.ndjson$/.test(name))
      .flatMap((name) => readFileSync(join(stack.dataDir, "spool", worker, name), "utf8").split("\n"))
      .filter((line) => line.includes('"outcome"'))
      .map((line) => JSON.parse(line.slice(line.indexOf("{"))) as CallRecord),
  );
}

function childPids(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

function workerPid(slot: number): number {
  const primary = stack.roles.get("proxy")!.pid()!;
  return childPids(primary).find((pid) => readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`SIGNALBOX_SLOT=${slot}`)) ?? 0;
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test("every call through any worker is in a spool when its answer has arrived", async () => {
  await start();
  for (let id = 1; id <= 20; id++) expect((await call(id)).status).toBe(200);
  const found = records().filter((r) => r.method === "tools/call");
  expect(found.map((r) => Number(r.rpcId)).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  expect(new Set(found.map((r) => r.producer)).size).toBe(2);
  expect(new Set(found.map((r) => r.arguments[0]?.digest)).size).toBe(20);
  expect(statSync(join(stack.dataDir, "digest.key")).mode & 0o777).toBe(0o600);
});

test("a session with a stdio server goes on whichever worker its messages reach", async () => {
  await start();
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream", authorization: `Bearer ${stack.keys.get("tester")}`, connection: "close" };
  const post = (body: unknown, more = {}) => fetch(`${stack.proxyUrl}/mcp/stdio`, { method: "POST", headers: { ...headers, ...more }, body: JSON.stringify(body) });
  const begun = await post({ jsonrpc: "2.0", id: 0, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } } });
  const session = { "mcp-session-id": begun.headers.get("mcp-session-id") ?? "" };
  await begun.text();
  for (let id = 1; id <= 6; id++) expect(await (await post({ jsonrpc: "2.0", id, method: "tools/list" }, session)).text()).toContain("inputSchema");
  expect(new Set(records().map((r) => r.producer)).size).toBe(2);
});

test("a worker that is killed is replaced, and its successor goes on with the same spool", async () => {
  await start(allowAll, 1);
  await call(1);
  const before = workerPid(0);
  process.kill(before, "SIGKILL");
  await waitFor("another worker", () => workerPid(0) !== 0 && workerPid(0) !== before);
  await waitFor("an answer", async () => (await call(2)).status === 200);
  const found = records().filter((r) => r.rpcId !== "");
  expect(new Set(found.map((r) => r.producer)).size).toBe(1);
  expect(readdirSync(join(stack.dataDir, "spool"))).toEqual(["worker-0"]);
  expect(spoolDir(0)).toContain("worker-0");
});

test("a changed rule is in force on every worker, and a bad file changes nothing", async () => {
  await start();
  const file = join(stack.dir, "policies", "rules.yaml");
  writeFileSync(file, "rules: [ {");
  for (let id = 0; id < 4; id++) expect(await (await call(id)).text()).toContain("done");
  writeFileSync(file, stringify({ rules: [{ id: "closed", effect: "deny", message: "Closed." }] }));
  await waitFor("the rule to hold on both workers", async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, async (_, id) => (await call(id)).text()));
    return answers.every((text) => text.includes("Closed."));
  });
});

test("workers that are stopped in the middle of a retry storm have every denial on record that they answered", async () => {
  await start([{ id: "closed", effect: "deny" }]);
  const seen = { denied: 0, other: 0 };
  const enough = Promise.withResolvers<void>();
  let stopped = false;
  const retrying = Array.from({ length: 6 }, async () => {
    while (!stopped) {
      const text = await call(1).then((r) => r.text(), () => "");
      if (text.includes("Denied by policy")) seen.denied++;
      else seen.other++;
      if (seen.denied >= 200) enough.resolve();
    }
  });
  await enough.promise;
  await stack.roles.get("proxy")!.stop();
  stopped = true;
  await Promise.all(retrying);
  const denied = records().filter((r) => r.reason === "rule");
  const attempts = denied.reduce((sum, r) => sum + r.attempts, 0);
  // What a client saw break off may have been denied and recorded before its answer could leave.
  expect(attempts).toBeGreaterThanOrEqual(seen.denied);
  expect(attempts).toBeLessThanOrEqual(seen.denied + seen.other);
  expect(denied.length).toBeLessThan(attempts / 2);
});

test("stopping ends the calls under way, each with its answer or its record, within five seconds", async () => {
  await start(allowAll, 1);
  const arrived = Promise.withResolvers<void>();
  upstream.answer = (request, response) => {
    if (idOf(request) === 2) return arrived.resolve();
    setTimeout(() => answerJson(response, { jsonrpc: "2.0", id: 1, result: { content: [] } }), 500);
  };
  const [slow, stuck] = [call(1), call(2)];
  await arrived.promise;
  const startedAt = performance.now();
  await stack.roles.get("proxy")!.stop();
  expect(performance.now() - startedAt).toBeLessThan(5000);
  expect((await slow).status).toBe(200);
  expect((await stuck).status).toBe(503);
  expect(records().map((r) => [r.rpcId, r.outcome]).sort()).toEqual([
    ["1", "ok"],
    ["2", "interrupted"],
  ]);
});

test("when the primary is killed nothing of the proxy stays behind", async () => {
  await start();
  const primary = stack.roles.get("proxy")!.pid()!;
  const children = childPids(primary);
  expect(children).toHaveLength(3);
  await stack.roles.get("proxy")!.ready;
  process.kill(primary, "SIGKILL");
  await waitFor("all of them to end", () => children.every((pid) => !isRunning(pid)));
});

test("when the primary is killed, calls under way still get their answer and their record", async () => {
  await start(allowAll, 1);
  const arrived = Promise.withResolvers<void>();
  const killed = Promise.withResolvers<void>();
  upstream.answer = (_request, response) => {
    arrived.resolve();
    void killed.promise.then(() => answerJson(response, { jsonrpc: "2.0", id: 1, result: { content: [] } }));
  };
  const answer = call(1);
  await arrived.promise;
  const primary = stack.roles.get("proxy")!.pid()!;
  const worker = workerPid(0);
  process.kill(primary, "SIGKILL");
  await waitFor("the primary to end", () => !isRunning(primary));
  // Late enough for a worker that would leave at once to have left.
  setTimeout(() => killed.resolve(), 300);
  expect((await answer).status).toBe(200);
  expect(records().filter((r) => r.rpcId === "1")).toMatchObject([{ outcome: "ok" }]);
  await waitFor("the worker to end", () => !isRunning(worker));
});

test("a port that is taken is one clear line", async () => {
  await start();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const { code, stderr } = await signalbox(["--config", stack.configFile, "proxy", "--port", String(port)], { cwd: stack.dir });
  server.close();
  expect(code).toBe(1);
  expect(stderr.trim().split("\n")[0]).toBe(`signalbox: port ${port} on 127.0.0.1 is taken`);
});
