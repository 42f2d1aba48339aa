import { manualClock } from "../../collector/kernel/clock.ts";
import type { CommandContext } from "../../collector/kernel/command.ts";
import { loadConfig } from "../../collector/kernel/config.ts";
import { silentLogger } from "../../collector/kernel/log.ts";

/** What a command is given in the folder `cwd` at `nowMs`, and the lines that it prints. */
export function commandContext(cwd: string, nowMs: number): { context: CommandContext; lines: string[] } {
  const lines: string[] = [];
  const context: CommandContext = {
    config: () => loadConfig({ cwd, env: {} }),
    clock: manualClock(nowMs),
    env: {},
    logger: () => silentLogger,
    print: (line) => void lines.push(line),
    untilStopped: () => Promise.resolve(),
    ready: () => undefined,
  };
  return { context, lines };
}
