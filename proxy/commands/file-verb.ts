import type { Command } from "commander";
import type { CommandContext } from "../../collector/kernel/command.ts";
import { FileError, formatProblem, type FileProblem } from "../../collector/kernel/errors.ts";
import { proxyConfigSchema } from "../config.ts";
import { controlFiles } from "../control-files.ts";

/** A verb with its example in the help text. */
export function describeVerb(parent: Command, name: string, description: string, example: string): Command {
  return parent.command(name).description(description).addHelpText("after", `\nExample:\n  ${example}\n`);
}

/** Runs a verb over files; faults in them become one line each, or one JSON object, and exit code 1. */
export function reportFaults(context: CommandContext, json: boolean, run: () => readonly FileProblem[] | void): void {
  let problems: readonly FileProblem[];
  try {
    problems = run() ?? [];
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    problems = error.problems;
  }
  if (json) context.print(JSON.stringify({ problems }, null, 2));
  else for (const problem of problems) context.print(formatProblem(problem));
  if (problems.length > 0) process.exitCode = 1;
}

/** Where the files that decide are, and what they are read with. */
export function controlPaths(context: CommandContext) {
  const config = context.config();
  const proxy = config.section("proxy", proxyConfigSchema);
  return { ...controlFiles(config, proxy), dataDir: config.dataDir, environment: proxy.environment };
}

export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;
