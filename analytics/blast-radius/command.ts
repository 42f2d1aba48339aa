import { InvalidArgumentError, type Command } from "commander";
import { sinceMsOf } from "../../collector/audit/time.ts";
import { storeConfigSchema } from "../../collector/config.ts";
import type { CommandContext } from "../../collector/kernel/command.ts";
import { sqlError } from "../../collector/sql/errors.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { blastRadiusLines } from "./print.ts";
import { defaultDepth, maxDepth } from "./question.ts";
import { readBlastRadius } from "./read.ts";

interface Flags {
  readonly server?: string;
  readonly serverVersion?: string;
  readonly agent?: string;
  readonly credential?: string;
  readonly since?: string;
  readonly until?: string;
  readonly depth: number;
  readonly limit: number;
  readonly json?: boolean;
}

const MAX_ROWS = 10_000;
/** A store of months takes its time for an agent's whole life. */
const TIMEOUT_MS = 300_000;

export function registerBlastRadius(program: Command, context: CommandContext): void {
  program
    .command("blast-radius [call-id]")
    .description("everything reachable after a call, server, agent, credential or stretch of time, and whom to call about it")
    .option("--server <name>", "start from the calls that a server answered")
    .option("--server-version <version>", "of that server only")
    .option("--agent <name>", "start from an agent's calls")
    .option("--credential <id>", "start from the calls made with a key or token, by its id")
    .option("--since <time>", "start from calls at or after: an ISO time, or an age such as 90m, 24h, 7d")
    .option("--until <time>", "start from calls before")
    .option("--depth <n>", "how many times over to follow other work that read what was written", wholeNumber(0, maxDepth), defaultDepth)
    .option("--limit <rows>", "rows a table", wholeNumber(1, MAX_ROWS), 20)
    .option("--json", "print everything as JSON")
    .addHelpText(
      "after",
      "\nOptions narrow each other. What follows in time is not limited by --until.\n\nExamples:\n  signalbox blast-radius px-0a6f4163-6\n  signalbox blast-radius --server tickets --server-version 2.3.0 --since 24h\n" +
        "  signalbox sql \"SELECT * FROM blast_radius(call_id = 'px-0a6f4163-6')\"\n",
    )
    .action((callId: string | undefined, flags: Flags) => blastRadius(context, callId ?? "", flags));
}

async function blastRadius(context: CommandContext, callId: string, flags: Flags): Promise<void> {
  const question = {
    callId,
    server: flags.server ?? "",
    serverVersion: flags.serverVersion ?? "",
    agent: flags.agent ?? "",
    credential: flags.credential ?? "",
    sinceMs: sinceMsOf(flags.since, context.clock),
    untilMs: sinceMsOf(flags.until, context.clock),
    depth: flags.depth,
  };
  const { url, username, password, database } = context.config().section("store", storeConfigSchema);
  const store = createStoreClient({ url, username, password, database, caller: "blast-radius", requestTimeoutMs: TIMEOUT_MS });
  try {
    const blast = await readBlastRadius(store, question, flags.limit);
    if (flags.json === true) return context.print(JSON.stringify(blast, null, 2));
    for (const line of blastRadiusLines(blast)) context.print(line);
  } catch (error) {
    throw sqlError(error, url);
  } finally {
    await store.close();
  }
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || n < least || n > most) throw new InvalidArgumentError(`a whole number from ${least} to ${most}`);
    return n;
  };
}
