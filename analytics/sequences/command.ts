import { InvalidArgumentError, type Command } from "commander";
import { storeConfigSchema } from "../../collector/config.ts";
import type { CommandContext } from "../../collector/kernel/command.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { sqlError } from "../../collector/sql/errors.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { modelLines, taskLines } from "./print.ts";
import { readModelAnswer, readScoredTask } from "./read.ts";

interface Flags {
  readonly taskClass?: string;
  readonly context?: readonly string[];
  readonly modelVersion?: string;
  readonly task?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const MAX_ROWS = 10_000;

export function registerSequences(program: Command, context: CommandContext): void {
  program
    .command("sequences")
    .description("what usually follows what in each class of tasks, as it was learnt; and how unusual a task's calls were")
    .option("--task-class <class>", "the most frequent and the rarest transitions of a class (agent:<name> where an agent's tasks have none)")
    .option("--context <calls...>", "with --task-class: what follows these one to three calls, server/tool/effect[!outcome], oldest first; ^ is the start")
    // `signalbox --version` is the program's own, wherever it stands.
    .option("--model-version <version>", "a version of the model, such as 2026-01-31T10:00Z (default: the newest)")
    .option("--task <id>", "a task's calls with their scores")
    .option("--limit <rows>", "rows a table", wholeNumber, 20)
    .option("--json", "print everything as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  signalbox sequences\n  signalbox sequences --task-class triage\n  signalbox sequences --task-class triage --context tickets/search/read tickets/get/read\n  signalbox sequences --task t-4711\n",
    )
    .action((flags: Flags) => sequences(context, flags));
}

async function sequences(context: CommandContext, flags: Flags): Promise<void> {
  const { taskClass = "", modelVersion: version = "", task, limit } = flags;
  if (flags.context !== undefined && taskClass === "") throw new SignalboxError("E_SEQUENCES", "--context is of a class", { remedy: "name it with --task-class" });
  if (task !== undefined && taskClass !== "") throw new SignalboxError("E_SEQUENCES", "--task and --task-class ask two questions", { remedy: "ask one after the other" });
  const { url, username, password, database } = context.config().section("store", storeConfigSchema);
  const store = createStoreClient({ url, username, password, database, caller: "sequences" });
  try {
    if (task !== undefined) {
      const calls = await readScoredTask(store, { taskId: task, version, limit });
      print(context, flags.json === true ? [JSON.stringify({ task, calls }, null, 2)] : taskLines(task, calls));
      return;
    }
    const answer = await readModelAnswer(store, { version, taskClass, context: (flags.context ?? []).join("\n"), limit });
    print(context, flags.json === true ? [JSON.stringify(answer, null, 2)] : modelLines(answer));
  } catch (error) {
    throw sqlError(error, url);
  } finally {
    await store.close();
  }
}

function print(context: CommandContext, lines: readonly string[]): void {
  for (const line of lines) context.print(line);
}

function wholeNumber(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || n < 1 || n > MAX_ROWS) throw new InvalidArgumentError(`a whole number from 1 to ${MAX_ROWS}`);
  return n;
}
