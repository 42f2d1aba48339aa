import { join } from "node:path";
import type { CommandContext, RegisterCommands } from "../kernel/command.ts";
import { storeConfigSchema } from "../config.ts";
import { registerStoreVerbs } from "../store/command.ts";
import { ENGINE_THREADPOOL_SIZE } from "./config.ts";

const STOP_DEADLINE_MS = 1900;

/** `signalbox store`: the embedded store in the foreground, until it is stopped. */
export const registerStore: RegisterCommands = (program, context) => {
  const store = program.command("store");
  registerStoreVerbs(store, context);
  store
    .description("run the embedded store: ClickHouse's HTTP interface over a local directory")
    .option("--store-dir <dir>", "where the tables are kept (default: store/ in the data directory)")
    .option("--port <port>", "port to listen on; 0 takes any free one")
    .option("--host <host>", "address to listen on")
    .action(async (flags: { storeDir?: string; port?: string; host?: string }) => {
      widenThreadPool(context);
      const source = context.config();
      const config = source.section("store", storeConfigSchema);
      const logger = context.logger("store");
      const stopped = context.untilStopped();
      const { createEngineServer } = await import("./server.ts");
      const server = await createEngineServer({
        dataDir: flags.storeDir ?? join(source.dataDir, "store"),
        host: flags.host ?? config.host,
        port: flags.port === undefined ? config.port : Number(flags.port),
        database: config.database,
        users: config.users,
        limits: config.limits,
        logger,
      });
      logger.info({ url: server.url }, "store ready");
      context.ready({ url: server.url });
      await stopped;
      logger.info("store stopping");
      // Unloading the engine below a query that will not end can hang; what was acknowledged survives a kill.
      setTimeout(() => process.kill(process.pid, "SIGKILL"), STOP_DEADLINE_MS).unref();
      await server.stop();
    });
};

/**
 * A query holds a thread of libuv's pool from start to end, and the pool's size is read once, before this line. So a
 * store that was started by hand starts itself again in the same process with the size that it needs.
 */
function widenThreadPool({ env, logger }: CommandContext): void {
  if (env.UV_THREADPOOL_SIZE !== undefined) return;
  const wide = { ...env, UV_THREADPOOL_SIZE: String(ENGINE_THREADPOOL_SIZE) };
  if (process.connected || process.execve === undefined) {
    logger("store").warn("UV_THREADPOOL_SIZE is not set: heavy queries will hold up everything else; set it to 32");
    return;
  }
  process.execve(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], wide as NodeJS.ProcessEnv);
}
