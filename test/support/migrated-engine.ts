import { cp, lstat, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { silentLogger } from "../../collector/kernel/log.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { migrate } from "../../collector/store/migrate.ts";
import { startEngine, type TestEngine, type TestEngineOptions } from "./engine.ts";

const migrations = new URL("../../collector/store/migrations/", import.meta.url);

/** An embedded store as `startEngine` starts it, with all tables, which take seconds to make: they are made once in a run, and copied. */
export async function startMigratedEngine(options: Omit<TestEngineOptions, "dataDir"> = {}): Promise<TestEngine> {
  const dataDir = await mkdtemp(join(tmpdir(), "signalbox-store-"));
  const remove = () => rm(dataDir, { recursive: true, force: true });
  try {
    await copyTemplate(dataDir);
    const engine = await startEngine({ ...options, dataDir });
    // Of all that an engine has, its getters among it, only the end is another.
    return Object.create(engine, { stop: { value: () => engine.stop().finally(remove) } }) as TestEngine;
  } catch (error) {
    await remove();
    throw error;
  }
}

async function copyTemplate(dataDir: string): Promise<void> {
  const template = join(inject("templates"), "migrated");
  const copy = () => cp(template, dataDir, { recursive: true, filter: isStored });
  await copy().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    await makeTemplate(template);
    await copy();
  });
}

/** The pipes that results came through can stay behind, and are no data. */
async function isStored(path: string): Promise<boolean> {
  const entry = await lstat(path);
  return entry.isFile() || entry.isDirectory();
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
