import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEngine, type TestEngine } from "../../support/engine.ts";

describe("a store in the foreground", () => {
  it("says when it is ready, and ends with 0 soon after SIGTERM", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "signalbox-foreground-"));
    const entry = fileURLToPath(new URL("../../../signalbox.ts", import.meta.url));
    const child = spawn(process.execPath, [entry, "store", "--store-dir", dataDir, "--port", "0"], { stdio: ["ignore", "ignore", "pipe"] });
    const gone = once(child, "exit");
    for await (const line of createInterface({ input: child.stderr })) {
      const record = JSON.parse(line) as { msg: string; url: string };
      if (record.msg !== "store ready") continue;
      expect(await (await fetch(`${record.url}/ping`)).text()).toBe("Ok.\n");
      break;
    }
    const started = performance.now();
    child.kill("SIGTERM");
    expect(await gone).toEqual([0, null]);
    expect(performance.now() - started).toBeLessThan(2000);
    await rm(dataDir, { recursive: true, force: true });
  });
});

describe("a store that cannot start says why in one line, with a code:", () => {
  let running: TestEngine;
  let dir: string;

  beforeAll(async () => {
    running = await startEngine();
    dir = await mkdtemp(join(tmpdir(), "signalbox-start-"));
  });
  afterAll(async () => {
    await running?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const firstLine = (text: string) => ({ message: expect.stringMatching(new RegExp(`^${text}[^\\n]*\\n  \\S[^\\n]*$`)) });

  it("the directory is open in another process", async () => {
    const start = startEngine({ dataDir: running.dataDir });
    await expect(start).rejects.toMatchObject({ code: "E_ENGINE_LOCKED", ...firstLine("Another process .* has") });
  });

  it("the port is in use", async () => {
    const start = startEngine({ dataDir: join(dir, "port"), port: Number(new URL(running.url).port) });
    await expect(start).rejects.toMatchObject({ code: "E_ENGINE_PORT", ...firstLine("The store cannot listen on") });
  });

  it("the directory cannot be written", async () => {
    await writeFile(join(dir, "file"), "");
    const start = startEngine({ dataDir: join(dir, "file", "below") });
    await expect(start).rejects.toMatchObject({ code: "E_ENGINE_DIR", ...firstLine("The store cannot write to") });
  });

  it("it would be open to the network without a password", async () => {
    const start = startEngine({ dataDir: join(dir, "open"), host: "0.0.0.0" });
    await expect(start).rejects.toMatchObject({ code: "E_ENGINE_OPEN", ...firstLine("The store will not listen on 0.0.0.0") });
  });
});
