import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Logger } from "../kernel/log.ts";
import type { EngineConfig } from "./config.ts";
import { serverXml, usersXml } from "./config-file.ts";
import { createConnections, track, type Connections } from "./connections.ts";
import { createGuard } from "./guard.ts";
import { loadNative, type Handle, type Native } from "./native.ts";
import { createPipes } from "./pipe.ts";
import { checkDirectory, checkMachine, openingError, thisMachine } from "./preflight.ts";
import type { EngineParts } from "./run.ts";
import { createStage } from "./stage.ts";

export interface Engine extends EngineParts {
  connections: Connections;
  /** Kills what still runs, waits for it for a moment, and closes the data directory. */
  stop(): Promise<void>;
}

const STOP_MS = 1500;

/**
 * Opens the store in `config.dataDir`, where `data/` is the engine's, `insert/` and `result/` are emptied at each start
 * and `config/` holds the engine's generated configuration. One process has one engine. Throws a SignalboxError whose
 * code names what is missing; every check that can be made is made before the native library is loaded.
 */
export async function openEngine(config: EngineConfig, logger: Logger): Promise<Engine> {
  const root = resolve(config.dataDir);
  checkMachine(await thisMachine());
  await checkDirectory(root);
  const native = loadNative();
  const dataDir = join(root, "data");
  const keeper = track(native, await openData(native, dataDir, join(root, "config"), config));
  // Only whoever holds the engine's lock may empty these.
  const stage = await createStage(join(root, "insert"));
  const pipes = await createPipes(join(root, "result"), config.limits.maxConcurrentQueries);

  const ask = async (sql: string): Promise<string> =>
    (await keeper.use((handle) => native.QueryAsyncConnection(handle, sql, "TabSeparatedRaw"))).bytes.toString("utf8").trim();
  await ask(`CREATE DATABASE IF NOT EXISTS ${config.database}`);
  const [version = "", timezone = "UTC"] = (await ask("SELECT version(), timezone()")).split("\t");
  const connections = createConnections(native, dataDir, config.database);

  const kill = (condition: string): void => {
    // Never SYNC: that waits until the killed query's connection runs something else, which ours never does.
    ask(`KILL QUERY WHERE ${condition} ASYNC`).catch((error: unknown) => logger.warn({ err: error }, "could not kill a query"));
  };

  return {
    config,
    native,
    connections,
    guard: createGuard(native, config.database),
    stage,
    pipes,
    version,
    timezone,
    // Split in two, so that the KILL does not find itself.
    kill: (marker) => kill(`endsWith(query, concat('${marker.slice(0, 5)}', '${marker.slice(5)}'))`),
    async stop() {
      const killAll = (): void => kill("endsWith(query, '*/') AND position(query, concat('/*', 'q-')) > 0");
      killAll();
      const again = setInterval(killAll, 200);
      const late = new Promise<boolean>((done) => setTimeout(done, STOP_MS, true).unref());
      const isLate = await Promise.race([connections.stop().then(() => false), late]);
      clearInterval(again);
      if (isLate) logger.warn("a query did not end in time; the store is left as a crash would leave it, which loses nothing");
      else keeper.close();
    },
  };
}

/**
 * The configuration counts for the first connection of a process only, so that one is kept open to the end. Its files
 * carry the process id: whoever has the directory open already must not find them changed.
 */
async function openData(native: Native, dataDir: string, configDir: string, config: EngineConfig): Promise<Handle> {
  const users = join(configDir, `users-${process.pid}.xml`);
  const server = join(configDir, `server-${process.pid}.xml`);
  await mkdir(configDir, { recursive: true, mode: 0o700 });
  await writeFile(users, usersXml(config), { mode: 0o600 });
  await writeFile(server, serverXml(config, users), { mode: 0o600 });
  try {
    const handle = native.CreateConnection(dataDir, [`--config-file=${server}`]);
    const old = (await readdir(configDir)).map((name) => join(configDir, name)).filter((path) => path !== users && path !== server);
    await Promise.all(old.map((path) => rm(path, { force: true })));
    return handle;
  } catch (cause) {
    await Promise.all([users, server].map((path) => rm(path, { force: true })));
    throw await openingError(dataDir, cause);
  }
}
