import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkIndependently } from "../support/check-proof.ts";
import { inspectCall, inspectTools } from "../support/inspector.ts";
import { signalbox } from "../support/run-command.ts";
import { spawnUp, startUp, upEnvironment, type RunningUp } from "../support/up.ts";
import { waitFor } from "../support/wait.ts";

describe("signalbox up on a machine that has nothing but Node", () => {
  let dir: string;
  let up: RunningUp;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "signalbox-up-"));
    up = await startUp(dir, await upEnvironment());
  });
  afterAll(async () => {
    if (up.child.exitCode === null) await up.interrupt();
    rmSync(dir, { recursive: true, force: true });
  });

  const sql = async (query: string): Promise<Record<string, unknown>[]> => {
    const { code, stdout, stderr } = await signalbox(["sql", "--format", "JSONEachRow", query], { cwd: dir, env: up.env });
    expect(code, stderr).toBe(0);
    return stdout.trim() === "" ? [] : stdout.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  const target = (server: string) => ({
    url: `${up.proxyUrl}/mcp/${server}`,
    headers: { Authorization: up.authorization("research-agent") },
    era: "auto" as const,
  });

  test("says what is running, which servers there are and how to connect an agent", () => {
    for (const part of [up.proxyUrl, up.consoleUrl, up.storeUrl, "everything", "filesystem", "memory", '"mcpServers"', "Bearer sbx_"]) {
      expect(up.output()).toContain(part);
    }
  });

  test("an agent's allowed call through the Inspector is answered and becomes a row", async () => {
    const tools = await inspectTools(target("everything"));
    expect(tools.exitCode).toBe(0);
    const answer = await inspectCall(target("everything"), "echo", { message: "hello" });
    expect(JSON.stringify(answer.result)).toContain("hello");
    const [row] = await waitFor("the row", async () => {
      const rows = await sql("SELECT agent, server, tool, decision, basis, outcome FROM calls WHERE tool = 'echo'");
      return rows.length > 0 ? rows : null;
    });
    expect(row).toEqual({ agent: "research-agent", server: "everything", tool: "echo", decision: "allow", basis: "explicit", outcome: "ok" });
  });

  test("a call that a rule denies by name is refused with the rule's message and recorded", async () => {
    const answer = await inspectCall(target("filesystem"), "read_text_file", { path: "/etc/hosts" });
    expect(answer.result).toMatchObject({ isError: true });
    expect(JSON.stringify(answer.result)).toContain("Only files inside the sandbox folder may be read or written.");
    const [row] = await waitFor("the row", async () => {
      const rows = await sql("SELECT decision, basis, outcome, length(policy_ids) AS rules FROM calls WHERE tool = 'read_text_file'");
      return rows.length > 0 ? rows : null;
    });
    expect(row).toMatchObject({ decision: "deny", basis: "explicit", outcome: "denied", rules: 1 });
  });

  test("the audit of everything so far verifies", async () => {
    await waitFor("everything to be stored", async () => (await signalbox(["audit", "verify"], { cwd: dir, env: up.env })).code === 0);
  });

  test("a second start on the same data is refused in one clear line", async () => {
    const second = spawnUp(dir, await upEnvironment());
    expect(await second.exited).toBe(1);
    expect(second.output()).toMatch(/^signalbox: the data directory .* is already in use by process \d+\n/);
  });

  test("Ctrl-C stops everything within five seconds and nothing that was answered is lost", async () => {
    const before = Number((await sql("SELECT count() AS n FROM calls"))[0]?.n);
    const answer = await inspectCall(target("everything"), "echo", { message: "last" });
    expect(JSON.stringify(answer)).toContain("Echo: last");
    const { code, ms } = await up.interrupt();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(5500);
    up = await startUp(dir, up.env);
    await waitFor("the last call", async () => Number((await sql("SELECT count() AS n FROM calls WHERE tool = 'echo'"))[0]?.n) > 1);
    expect(await sql("SELECT outcome FROM calls WHERE tool = 'echo'")).toEqual([{ outcome: "ok" }, { outcome: "ok" }]);
    expect(Number((await sql("SELECT count() AS n FROM calls"))[0]?.n)).toBeGreaterThan(before);
  });

  test("what was recorded before the stop was signed at it, and a proof of the last call holds without Signalbox", async () => {
    const [last] = await sql("SELECT call_id FROM calls WHERE tool = 'echo' ORDER BY ts DESC LIMIT 1");
    const file = join(dir, "proof.json");
    expect(await signalbox(["audit", "prove", String(last?.call_id), "--out", file], { cwd: dir, env: up.env })).toMatchObject({ code: 0 });
    const key = (await signalbox(["audit", "keys", "export"], { cwd: dir, env: up.env })).stdout.trim();
    expect(await checkIndependently(file, key)).toContain(`${String(last?.call_id)} holds: signed `);
    await waitFor("the checkpoints to be stored", async () => Number((await sql("SELECT count() AS n FROM audit_checkpoints WHERE event_type = 'audit.checkpoint'"))[0]?.n) > 0);
    await waitFor("everything to verify", async () => {
      const { code, stdout } = await signalbox(["audit", "verify", "--key", key, "--since", "1h"], { cwd: dir, env: up.env });
      return code === 0 && /and [1-9]\d* checkpoints/.test(stdout);
    });
  });
});

test("signalbox up with a collector of somebody else's prepares the store and starts none of its own", async () => {
  const dir = mkdtempSync(join(tmpdir(), "signalbox-up-"));
  const env = await upEnvironment();
  // Nobody listens there; records wait in the spool.
  const up = await startUp(dir, { ...env, SIGNALBOX_COLLECTOR_URL: "http://127.0.0.1:9" });
  try {
    const { code, stdout } = await signalbox(["sql", "--format", "JSONEachRow", "SELECT toUInt32(count()) AS n FROM calls"], { cwd: dir, env: up.env });
    expect([code, stdout.trim()]).toEqual([0, '{"n":0}']);
    await expect(fetch(`http://127.0.0.1:${env.SIGNALBOX_COLLECTOR_PORT}/healthz`)).rejects.toThrow();
  } finally {
    await up.interrupt();
    rmSync(dir, { recursive: true, force: true });
  }
});

describe("signalbox up where it can't run", () => {
  let dir: string;
  beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), "signalbox-up-"))));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test.each(["STORE", "COLLECTOR", "PROXY", "DASHBOARDS"])("names a taken port (%s) and says how to choose another", async (role) => {
    const env = await upEnvironment();
    const port = Number(env[`SIGNALBOX_${role}_PORT`]);
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(port, "127.0.0.1", resolve));
    try {
      const up = spawnUp(dir, env);
      expect(await up.exited).toBe(1);
      expect(up.output()).toContain(String(port));
      expect(up.output()).toContain(`SIGNALBOX_${role}_PORT`);
    } finally {
      await new Promise((resolve) => holder.close(resolve));
    }
  });

  test("says that the data directory can't be written", async () => {
    const file = join(dir, "a-file");
    writeFileSync(file, "");
    const up = spawnUp(dir, { ...(await upEnvironment()), SIGNALBOX_DATA_DIR: join(file, "data") });
    expect(await up.exited).toBe(1);
    expect(up.output()).toMatch(/^signalbox: the data directory .*: cannot write /);
  });
});
