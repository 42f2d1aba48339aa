#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { systemClock } from "./collector/kernel/clock.ts";
import { loadConfig, type ConfigSource } from "./collector/kernel/config.ts";
import type { CommandContext, RegisterCommands } from "./collector/kernel/command.ts";
import { describeError, SignalboxError } from "./collector/kernel/errors.ts";
import { createLogger } from "./collector/kernel/log.ts";
import { packageVersion } from "./collector/kernel/package-info.ts";

/**
 * The one file that sees every folder. Each command's code is loaded only when it is called for, because the roles are
 * separate processes and none of them should carry the others' libraries.
 */
const commands: readonly { names: readonly string[]; load: () => Promise<RegisterCommands> }[] = [
  { names: ["up"], load: async () => (await import("./proxy/commands/up.ts")).registerUp },
  { names: ["store"], load: async () => (await import("./collector/engine/command.ts")).registerStore },
  { names: ["collector", "migrate", "sql"], load: async () => (await import("./collector/command.ts")).registerCollector },
  { names: ["import"], load: async () => (await import("./collector/import/command.ts")).registerImport },
  { names: ["audit"], load: async () => (await import("./collector/audit/command.ts")).registerAudit },
  { names: ["proxy"], load: async () => (await import("./proxy/commands/proxy.ts")).registerProxy },
  { names: ["stdio"], load: async () => (await import("./proxy/commands/stdio.ts")).registerStdio },
  { names: ["wrap"], load: async () => (await import("./proxy/commands/wrap.ts")).registerWrap },
  { names: ["registry"], load: async () => (await import("./proxy/commands/registry.ts")).registerRegistry },
  { names: ["inventory"], load: async () => (await import("./proxy/commands/inventory.ts")).registerInventory },
  { names: ["keys"], load: async () => (await import("./proxy/commands/keys.ts")).registerKeys },
  { names: ["identities"], load: async () => (await import("./proxy/commands/identities.ts")).registerIdentities },
  { names: ["task"], load: async () => (await import("./proxy/commands/task.ts")).registerTask },
  { names: ["stop"], load: async () => (await import("./proxy/commands/stop.ts")).registerStop },
  { names: ["approvals", "exceptions", "quarantine"], load: async () => (await import("./proxy/commands/people.ts")).registerPeople },
  { names: ["payload"], load: async () => (await import("./proxy/commands/payload.ts")).registerPayload },
  { names: ["policy"], load: async () => (await import("./proxy/commands/policy.ts")).registerPolicy },
  { names: ["jobs", "backtest", "blast-radius", "baseline", "sequences"], load: async () => (await import("./analytics/command.ts")).registerAnalytics },
  { names: ["eval"], load: loadEval },
  { names: ["alerts", "incidents"], load: async () => (await import("./alerts/command.ts")).registerAlerts },
  { names: ["backend", "report", "explain"], load: async () => (await import("./dashboards/command.ts")).registerDashboards },
];

/** What a proxy would have recorded is for the proxy to say; the analytics know it by this alone. */
async function loadEval(): Promise<RegisterCommands> {
  const { registerEval } = await import("./analytics/eval/command.ts");
  return registerEval({ recordedFlow: async () => (await import("./proxy/handling/flow/recorded.ts")).createRecordedFlow() });
}

async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("signalbox")
    .description("An enforcing MCP proxy whose every call is a record: query it, alert on it, prove it complete.")
    .version(packageVersion())
    .option("--config <file>", "configuration file (default: signalbox.yaml in this folder, or built-in defaults)")
    .showHelpAfterError("Run with --help to see what is possible.")
    .exitOverride();
  process.stdout.on("error", outputFailed);
  const context = createContext(program);
  const asked = argv.find((arg) => commands.some((c) => c.names.includes(arg)));
  const wanted = asked ? commands.filter((c) => c.names.includes(asked)) : commands;
  for (const command of wanted) (await command.load())(program, context);
  await program.parseAsync(argv, { from: "user" });
}

function createContext(program: Command): CommandContext {
  let config: ConfigSource | undefined;
  return {
    config: () => (config ??= loadConfig({ file: program.opts<{ config?: string }>().config, cwd: process.cwd(), env: process.env })),
    clock: systemClock,
    env: process.env,
    logger: (role) => createLogger(role, process.env.SIGNALBOX_LOG_LEVEL ?? "info"),
    print: (line) => void process.stdout.write(`${line}\n`),
    untilStopped,
    ready: (info) => tellSupervisor({ type: "ready", ...info }),
  };
}

/** A reader that has had enough (`| head`) ends a command quietly; a role's work is not its output. */
function outputFailed(error: NodeJS.ErrnoException): void {
  if (isRole) return;
  process.exit(error.code === "EPIPE" ? 0 : 1);
}

let isRole = false;

/** The supervisor may be gone already, and then there is nobody to tell. */
function tellSupervisor(message: object): void {
  process.send?.(message, () => undefined);
}

/** A role ends with its supervisor: a closed channel means that the process above is gone, however it went. */
function untilStopped(): Promise<void> {
  isRole = true;
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve());
    process.on("disconnect", () => resolve());
  });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
  } else {
    process.stderr.write(`signalbox: ${describeError(error)}\n`);
    tellSupervisor({ type: "failed", code: error instanceof SignalboxError ? error.code : undefined, message: describeError(error) });
    if (process.env.SIGNALBOX_DEBUG) process.stderr.write(`${error instanceof Error ? error.stack : ""}\n`);
    process.exitCode = 1;
  }
}
// The channel to the supervisor would keep a role alive that has done its work.
if (process.connected) process.disconnect();
