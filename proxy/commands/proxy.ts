import { InvalidArgumentError, Option } from "commander";
import type { CommandContext, RegisterCommands } from "../../collector/kernel/command.ts";
import { describeError } from "../../collector/kernel/errors.ts";
import type { ProxyOverrides } from "../primary.ts";

interface ProxyOptions extends ProxyOverrides {
  readonly role?: "worker" | "host";
}

export const registerProxy: RegisterCommands = (program, context) => {
  program
    .command("proxy")
    .description("run the enforcing proxy: one worker per core, and the host of the stdio servers")
    .option("--workers <n>", "how many workers (0: one per core)", wholeNumber(0, 256))
    .option("--port <n>", "the port to listen on", wholeNumber(0, 65535))
    .option("--host <address>", "the address to listen on")
    // How the proxy starts its own processes; not for people.
    .addOption(new Option("--role <role>").choices(["worker", "host"]).hideHelp())
    .addHelpText("after", "\nExample:\n  signalbox proxy --port 7070 --workers 2")
    .action((options: ProxyOptions) => run(context, options));
};

async function run(context: CommandContext, { role, ...overrides }: ProxyOptions): Promise<void> {
  try {
    if (role === undefined) await (await import("../primary.ts")).runPrimary(context, overrides);
    else if (role === "worker") await (await import("../worker.ts")).runWorker(context, Number(context.env.SIGNALBOX_SLOT ?? 0));
    else await (await import("../stdio-role.ts")).runStdioHost(context);
  } catch (error) {
    if (role === undefined) throw error;
    // The process that started this one tells people why; saying it here too would say it once a worker.
    process.send?.({ type: "failed", message: describeError(error) });
    process.exitCode = 1;
  } finally {
    // The channel to the process above would keep this one alive.
    if (process.connected) process.disconnect();
  }
}

function wholeNumber(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < min || number > max) throw new InvalidArgumentError(`a whole number from ${min} to ${max} is needed`);
    return number;
  };
}
