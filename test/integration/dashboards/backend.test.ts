import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { systemClock } from "../../../collector/kernel/clock.ts";
import type { CommandContext } from "../../../collector/kernel/command.ts";
import { loadConfig } from "../../../collector/kernel/config.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createStoreClient } from "../../../collector/store/client.ts";
import { runBackend } from "../../../dashboards/index.ts";
import type { TestEngine } from "../../support/engine.ts";
import { startMigratedEngine } from "../../support/migrated-engine.ts";
import { freePorts } from "../../support/stack.ts";
import { waitFor } from "../../support/wait.ts";

const dir = mkdtempSync(join(tmpdir(), "signalbox-backend-"));
let engine: TestEngine | undefined;
afterAll(async () => {
  await engine?.stop();
  rmSync(dir, { recursive: true, force: true });
});

it("serves before its store is there, begins when it is, and stops within three seconds", async () => {
  const [port] = await freePorts(1);
  const env = { SIGNALBOX_STORE_PORT: String(port), SIGNALBOX_DASHBOARDS_PORT: "0", SIGNALBOX_STORE_USERNAME: "default" };
  const config = loadConfig({ cwd: dir, env });
  let stop: () => void = () => undefined;
  const told = new Promise<void>((resolve) => (stop = resolve));
  let ready: (url: string) => void = () => undefined;
  const listening = new Promise<string>((resolve) => (ready = resolve));
  const context: CommandContext = { config: () => config, clock: systemClock, env, logger: () => silentLogger, print: () => undefined, untilStopped: () => told, ready: (info) => ready(String(info.url)) };
  const backend = runBackend(context);
  const url = await listening;

  const health = async () => (await (await fetch(`${url}/api/health`)).json()) as { status: string; jobs?: unknown[] };
  expect(await health()).toMatchObject({ status: "waiting for the store" });
  expect((await fetch(`${url}/api/overview`)).status).toBe(503);
  const probes = async () => Promise.all(["healthz", "readyz"].map(async (path) => (await fetch(`${url}/${path}`)).status));
  expect(await probes()).toEqual([200, 503]);

  engine = await startMigratedEngine({ port });
  const store = createStoreClient({ url: engine.url, caller: "test" });
  await waitFor("the store to be noticed", async () => (await health()).status === "ok");
  await waitFor("the first job runs", async () => ((await health()).jobs?.length ?? 0) > 0);
  expect((await fetch(`${url}/api/overview`)).status).toBe(200);
  expect(await probes()).toEqual([200, 200]);

  const began = performance.now();
  stop();
  await backend;
  expect(performance.now() - began).toBeLessThan(3000);
  await expect(fetch(`${url}/api/health`)).rejects.toThrow();
  await store.close();
});
