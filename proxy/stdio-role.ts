import type { CommandContext } from "../collector/kernel/command.ts";
import { proxyConfigSchema } from "./config.ts";
import { controlFiles } from "./control-files.ts";
import { stdioSocketPath } from "./data-files.ts";
import { loadControlPlane } from "./load-control-plane.ts";
import { startStdioHost } from "./upstream/host/host.ts";
import { watchControlPlane } from "./watch-control-plane.ts";

/** The process that owns the stdio servers' processes, beside the workers. */
export async function runStdioHost(context: CommandContext): Promise<void> {
  const source = context.config();
  const config = source.section("proxy", proxyConfigSchema);
  const logger = context.logger("proxy-stdio");
  const files = controlFiles(source, config);
  const stopped = context.untilStopped();
  let plane = loadControlPlane(files);
  const watching = watchControlPlane(files, {
    current: plane,
    onChange: (next) => void (plane = next),
    onRefused: () => undefined,
  });
  const host = await startStdioHost({
    socketPath: stdioSocketPath(source.dataDir),
    registry: () => plane.registry,
    dataDir: source.dataDir,
    env: context.env,
    clock: context.clock,
    logger,
    maxBodyBytes: config.maxBodyBytes,
    maxResultBytes: config.maxResultBytes,
  });
  try {
    context.ready({});
    await stopped;
  } finally {
    await host.stop();
    await watching.stop();
  }
}
