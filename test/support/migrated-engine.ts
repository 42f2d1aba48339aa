import { existsSync } from "node:fs";
import { mkdtemp, rename } from "node:fs/promises";
import { join } from "node:path";
import { inject } from "vitest";
import { silentLogger } from "../../collector/kernel/log.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { migrate } from "../../collector/store/migrate.ts";
import { startEngine, type TestEngine, type TestEngineOptions } from "./engine.ts";

const migrations = new URL("../../collector/store/migrations/", import.meta.url);

/** An embedded store as `startEngine` starts it, with all tables, which take seconds to make: they are made once in a run, and copied. */
export async function startMigratedEngine(options: Omit<TestEngineOptions, "dataDir" | "copyOf"> = {}): Promise<TestEngine> {
  const template = join(inject("templates"), "migrated");
  if (!existsSync(template)) await makeTemplate(template);
  return startEngine({ ...options, copyOf: template });
}

/** Each worker that finds none makes one; the first to be ready is everybody's. */
async function makeTemplate(template: string): Promise<void> {
  const dir = await mkdtemp(`${template}-`);
  const engine = await startEngine({ dataDir: dir });
  try {
    const store = createStoreClient({ url: engine.url, caller: "test" });
    await migrate({ store, folder: migrations, logger: silentLogger }).finally(() => store.close());
    await engine.kill("SIGTERM");
  } finally {
    await engine.stop();
  }
  await rename(dir, template).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
}
