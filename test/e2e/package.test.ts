import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../support/stack.ts";
import { waitFor } from "../support/wait.ts";

const root = resolve(import.meta.dirname, "../..");
let dir: string;
let running: ChildProcess | undefined;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "signalbox-package-"));
  execFileSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: "inherit" });
  execFileSync("npm", ["pack", "--silent", "--pack-destination", dir, join(root, "dist")], { cwd: root });
  const tarball = readdirSync(dir).find((f) => f.endsWith(".tgz")) ?? "";
  writeFileSync(join(dir, "package.json"), '{"private":true}\n');
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", `./${tarball}`], { cwd: dir, stdio: "ignore" });
}, 300_000);

afterAll(async () => {
  if (running?.exitCode === null) {
    const closed = new Promise((done) => running?.once("close", done));
    running.kill("SIGTERM");
    await closed;
  }
  rmSync(dir, { recursive: true, force: true });
});

test("the packed package starts in an empty folder, answers SQL and stops on SIGTERM with exit code 0", async () => {
  const [store, collector, proxy, dashboards] = await freePorts(4);
  const env = {
    ...process.env,
    SIGNALBOX_STORE_PORT: String(store),
    SIGNALBOX_COLLECTOR_PORT: String(collector),
    SIGNALBOX_PROXY_PORT: String(proxy),
    SIGNALBOX_DASHBOARDS_PORT: String(dashboards),
  };
  const bin = join(dir, "node_modules/.bin/signalbox");
  let output = "";
  running = spawn(process.execPath, [bin, "up"], { cwd: dir, env, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [running.stdout, running.stderr]) stream?.on("data", (chunk: Buffer) => void (output += chunk.toString()));
  await waitFor("the welcome", () => {
    if (running?.exitCode !== null) throw new Error(output);
    return output.includes("Signalbox is running.");
  }, { timeoutMs: 90_000 });
  for (const server of ["everything", "filesystem", "memory"]) expect(output).toContain(server);

  const answer = execFileSync(process.execPath, [bin, "sql", "--format", "JSONEachRow", "SELECT count() AS n FROM calls"], { cwd: dir, env, encoding: "utf8" });
  expect(JSON.parse(answer)).toMatchObject({ n: expect.anything() });
  const console = await fetch(`http://127.0.0.1:${dashboards}/`);
  expect(console.status).toBe(200);
  expect(await console.text()).toContain("<div id=");

  const closed = new Promise<number | null>((done) => running?.once("close", done));
  running.kill("SIGTERM");
  expect(await closed).toBe(0);
}, 180_000);
