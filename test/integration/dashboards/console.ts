import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../collector/kernel/clock.ts";
import { silentLogger, type Logger } from "../../../collector/kernel/log.ts";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { createConsoleApp, createRawQuery, dashboardsConfigSchema } from "../../../dashboards/index.ts";
import { startMigratedEngine } from "../../support/migrated-engine.ts";

export interface RunningConsole {
  readonly url: string;
  readonly storeUrl: string;
  readonly store: Store;
  readonly reportsDir: string;
  stop(): Promise<void>;
}

/** A store of its own with every table, which goes away with `stop`. */
export async function startStore(): Promise<{ store: Store; url: string; stop(): Promise<void> }> {
  const engine = await startMigratedEngine();
  const store = createStoreClient({ url: engine.url, caller: "test" });
  return {
    store,
    url: engine.url,
    async stop() {
      await store.close();
      await engine.stop();
    },
  };
}

/** The console on a free port, in front of a store of its own. */
export async function startConsole(logger: Logger = silentLogger): Promise<RunningConsole> {
  const { store, url, stop } = await startStore();
  const config = dashboardsConfigSchema.parse({});
  const reader = { username: "readonly", password: "", database: "signalbox" };
  const readOnlyStore = createStoreClient({ url, ...reader, caller: "console" });
  const rawQuery = createRawQuery({ url, ...reader, maxConcurrent: config.sql.maxConcurrent, timeoutMs: 30_000 });
  const reportsDir = mkdtempSync(join(tmpdir(), "signalbox-reports-"));
  const app = createConsoleApp({ store, readOnlyStore, rawQuery, clock: systemClock, config, logger, reportsDir });
  const address = await app.listen({ host: "127.0.0.1", port: 0 });
  return {
    url: address,
    storeUrl: url,
    store,
    reportsDir,
    async stop() {
      await app.close();
      await rawQuery.stop();
      await readOnlyStore.close();
      await stop();
      rmSync(reportsDir, { recursive: true, force: true });
    },
  };
}
