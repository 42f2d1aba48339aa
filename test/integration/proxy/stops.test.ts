import { writeFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { signalbox } from "../../support/run-command.ts";
import type { Stack } from "../../support/stack.ts";
import { waitFor } from "../../support/wait.ts";
import { connectToEach, startControlStack, type Connection } from "./control-api.ts";

let stack: Stack | undefined;
let connections: Connection[] = [];
afterEach(async () => {
  await Promise.all(connections.map((c) => c.close().catch(() => undefined)));
  connections = [];
  await stack?.stop();
});

const ops = () => stack!.keys.get("ops")!;
const stopsOf = async (connection: Connection): Promise<string[]> => (await connection.ask("GET", "/v1/stops", ops())).body.stops.map((s: { stopId: string }) => s.stopId);

test("a stop is in force on every worker when its answer arrives, well within a second, and so is its end", async () => {
  stack = await startControlStack();
  connections = await connectToEach(stack, 2);
  const [one, other] = connections as [Connection, Connection];
  expect(one.worker).not.toBe(other.worker);
  const tookMs: number[] = [];
  const change = async (method: "POST" | "DELETE", path: string, body?: object) => {
    const startedAt = performance.now();
    const answer = await one.ask(method, path, ops(), body);
    tookMs.push(performance.now() - startedAt);
    expect(answer.body.workers).toEqual({ applied: 2, total: 2 });
    return answer;
  };
  for (let i = 0; i < 40; i++) {
    const set = await change("POST", "/v1/stops", { scope: { agent: "build" }, reason: "test" });
    expect([await stopsOf(one), await stopsOf(other)]).toEqual([[set.body.stop.stopId], [set.body.stop.stopId]]);
    await change("DELETE", `/v1/stops/${set.body.stop.stopId}`);
    expect([await stopsOf(one), await stopsOf(other)]).toEqual([[], []]);
  }
  tookMs.sort((a, b) => a - b);
  if (process.env.SIGNALBOX_FIGURES) console.log(`a stop, asked to in force on 2 workers and answered: p50 ${tookMs[40]!.toFixed(1)} ms, max ${tookMs.at(-1)!.toFixed(1)} ms`);
  expect(tookMs.at(-1)).toBeLessThan(1000);
});

test("the command line stops, lists and clears, and needs an operator's key", async () => {
  stack = await startControlStack({ config: { proxy: { workers: 1 } } });
  const run = (key: string, ...args: string[]) => signalbox(["--config", stack!.configFile, "stop", ...args], { cwd: stack!.dir, env: { SIGNALBOX_KEY: key } });
  const set = await run(ops(), "set", "--agent", "build", "--tool", "read", "--reason", "INC-1");
  expect(set).toMatchObject({ code: 0, stderr: "" });
  const stopId = /^(st-[0-9a-f]{10}): agent build, tool read stopped, in force on 1 of 1 worker\.\n$/.exec(set.stdout)?.[1];
  expect((await run(ops(), "list")).stdout).toContain("INC-1");
  expect(JSON.parse((await run(ops(), "list", "--json")).stdout)).toMatchObject({ stops: [{ stopId, scope: { agent: "build", tool: "read" } }] });
  expect(await run(stack.keys.get("build")!, "set", "--agent", "ops", "--reason", "x")).toMatchObject({ code: 1, stderr: expect.stringContaining("only an operator may do this") });
  const keyFile = join(stack.dir, "my.key");
  writeFileSync(keyFile, `${ops()}\n`, { mode: 0o600 });
  expect((await run("", "clear", stopId!, "--reason", "mended", "--key-file", keyFile)).stdout).toBe(`${stopId} is cleared, in force on 1 of 1 worker.\n`);
  expect((await run(ops(), "list")).stdout).toBe("nothing is stopped\n");
  expect(await run("", "list")).toMatchObject({ code: 1, stderr: expect.stringContaining("no key to ask the proxy with") });
});

test("stops survive the end of the proxy, however it comes, and a worker's successor has them", async () => {
  stack = await startControlStack();
  connections = await connectToEach(stack, 2);
  const set = await connections[0]!.ask("POST", "/v1/stops", ops(), { scope: { server: "fixture" }, reason: "test" });
  const inForce = async (workers: number) => {
    await Promise.all(connections.map((c) => c.close().catch(() => undefined)));
    connections = await connectToEach(stack!, workers);
    return connections.length === workers && (await Promise.all(connections.map(stopsOf))).every(([id]) => id === set.body.stop.stopId);
  };
  const primary = stack.roles.get("proxy")!.pid()!;
  const [worker] = readFileSync(`/proc/${primary}/task/${primary}/children`, "utf8").trim().split(" ").map(Number).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("worker"));
  process.kill(worker!, "SIGKILL");
  await waitFor("the worker's successor", () => inForce(2));
  stack.kill("proxy");
  await waitFor("the proxy to be back", () => inForce(2));
});
