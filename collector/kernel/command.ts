import type { Command } from "commander";
import type { Clock } from "./clock.ts";
import type { ConfigSource } from "./config.ts";
import type { Logger } from "./log.ts";

/** What every command of the `signalbox` program is handed; a folder's `command.ts` takes nothing from anywhere else. */
export interface CommandContext {
  /** Reads the configuration at the first call. Throws FileError or SignalboxError. */
  config(): ConfigSource;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  logger(role: string): Logger;
  /** Standard output. `print` writes one line. */
  print(line: string): void;
  /** Resolves at SIGINT or SIGTERM, or when the supervising process goes away. */
  untilStopped(): Promise<void>;
  /** Tells the supervising process, if there is one, that the role is serving. */
  ready(info: Readonly<Record<string, unknown>>): void;
}

/** Adds one folder's commands to the program. */
export type RegisterCommands = (program: Command, context: CommandContext) => void;
