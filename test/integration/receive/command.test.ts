import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { signalbox, type CommandResult } from "../../support/run-command.ts";
import { entry, freePorts } from "../../support/stack.ts";
import { auditBatch } from "./spans.ts";

let dir: string;
let config: string;
let port: { store: number; collector: number };

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "signalbox-"));
  const [store = 0, collector = 0] = await freePorts(2);
  port = { store, collector };
  config = join(dir, "signalbox.yaml");
  writeFileSync(config, stringify({ store: { port: store, username: "default" }, collector: { port: collector } }));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const sql = (...args: string[]): Promise<CommandResult> => signalbox(["--config", config, "sql", ...args], { cwd: dir });

describe("without a store", () => {
  it("sql and migrate say so in one line and ask whether it is running", async () => {
    for (const result of [await sql("SELECT 1"), await signalbox(["--config", config, "migrate"], { cwd: dir })]) {
      expect(result.code).toBe(1);
      expect(result.stderr).toBe(
        `signalbox: the store at http://127.0.0.1:${port.store} does not answer (ECONNREFUSED)\n  is \`signalbox up\` running?\n`,
      );
    }
  });
});

describe("with a store", () => {
  let engine: TestEngine;
  let collector: ChildProcess;
  let ended: Promise<unknown[]>;
  const url = () => `http://127.0.0.1:${port.collector}`;

  beforeAll(async () => {
    // The collector first: it waits for the store.
    collector = fork(entry, ["--config", config, "collector"], { cwd: dir, stdio: ["ignore", "ignore", "pipe", "ipc"], execArgv: [] });
    ended = once(collector, "exit");
    const ready = once(collector, "message");
    await once(collector.stderr as NonNullable<ChildProcess["stderr"]>, "data");
    engine = await startEngine({ port: port.store });
    expect((await ready)[0]).toEqual({ type: "ready", url: url() });
  });
  afterAll(async () => {
    collector.kill("SIGKILL");
    await engine.stop();
  });

  it("migrates it, receives spans and answers for its health", async () => {
    const { name, body } = auditBatch("px-command", 1, 20);
    const headers = { "content-type": "application/x-protobuf", "x-signalbox-batch": name };
    expect((await fetch(`${url()}/v1/traces`, { method: "POST", body, headers })).status).toBe(200);
    expect(await (await fetch(`${url()}/readyz`)).json()).toEqual({ status: "ready" });
    const migrate = await signalbox(["--config", config, "migrate"], { cwd: dir });
    expect(migrate).toMatchObject({ code: 0, stdout: "The store is up to date.\n" });
    expect((await sql("SELECT count() AS n FROM calls")).stdout).toBe('{"n":20}\n');
  });

  it("binds parameters, of lists too, and names one that is missing", async () => {
    const query = "SELECT {n:UInt8} AS n, {l:Array(String)} AS l, {s:String} AS s";
    const bound = await sql(query, "--format", "csv", "--param", "n=7", "--param", "l=['a','b']", "--param", "s=it's");
    expect(bound.stdout).toBe(`"n","l","s"\n7,"['a','b']","it's"\n`);
    expect((await sql(query, "--param", "n=7")).stderr).toContain("missing l, s");
  });

  it("reads a query from standard input", async () => {
    const child = spawn(process.execPath, [entry, "--config", config, "sql", "-", "--format", "tsv"], { cwd: dir, stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.end("SELECT number FROM numbers(2);\n");
    let out = "";
    for await (const chunk of child.stdout) out += String(chunk);
    expect(out).toBe("number\n0\n1\n");
  });

  it("shows a table in which no value can command the terminal", async () => {
    const { stdout } = await sql(String.raw`SELECT 'a\x1b]0;owned\x07b\u202Ec\x9bd' AS v`.replace(String.raw`\u202E`, "\u202e"), "--format", "table");
    expect(stdout).toContain("a\ufffd]0;owned\ufffdb\ufffdc\ufffdd");
    expect([...stdout].filter((c) => c < " " && c !== "\n")).toEqual([]);
  });

  it.each([
    ["SELECT * FROM nowhere", "UNKNOWN_TABLE (ClickHouse code 60)"],
    ["SELECT sleepEachRow(1) FROM numbers(3)", "TIMEOUT_EXCEEDED (ClickHouse code 159)"],
    ["SELECT throwIf(number = 900000), repeat('x', 50) FROM numbers(1000000)", "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO (ClickHouse code 395)"],
    ["INSERT INTO calls (seq) VALUES (1)", "`signalbox sql` only reads"],
    ["KILL QUERY WHERE 1", "`signalbox sql` only reads"],
    ["WITH 1 AS x SELECT x SETTINGS readonly = 0", "READONLY (ClickHouse code 164)"],
    ["SELECT 1; DROP TABLE calls", "holds 2 statements"],
  ])("refuses or fails %s with a clear line", async (query, message) => {
    const { code, stderr } = await sql(query, "--timeout", query.includes("sleep") ? "1" : "30");
    expect(code).toBe(1);
    expect(stderr.split("\n")[0]).toContain(message);
    expect(stderr.split("\n").length).toBeLessThanOrEqual(3);
  });

  it("ends at SIGTERM after it has finished what it was doing", async () => {
    const { name, body } = auditBatch("px-last", 1, 2000);
    const headers = { "content-type": "application/x-protobuf", "x-signalbox-batch": name };
    const last = fetch(`${url()}/v1/traces`, { method: "POST", body, headers });
    await expect.poll(async () => ((await (await fetch(`${url()}/healthz`)).json()) as { inFlight: number }).inFlight, { interval: 1 }).toBe(1);
    collector.kill("SIGTERM");
    expect((await last).status).toBe(200);
    expect(await ended).toEqual([0, null]);
    expect((await sql("SELECT count() AS n FROM calls WHERE producer = 'px-last'")).stdout).toBe('{"n":2000}\n');
  });
});
