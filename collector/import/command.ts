import { InvalidArgumentError, Option } from "commander";
import { sinceMsOf } from "../audit/time.ts";
import { storeConfigSchema } from "../config.ts";
import { databaseName } from "../engine/config.ts";
import type { CommandContext, RegisterCommands } from "../kernel/command.ts";
import { SignalboxError } from "../kernel/errors.ts";
import { sqlError } from "../sql/errors.ts";
import { isUnreachable } from "../receive/run-collector.ts";
import { createStoreClient } from "../store/client.ts";
import { describeImport, importSpans } from "./import-spans.ts";

interface ImportFlags {
  readonly from: string;
  readonly database?: string;
  readonly since?: string;
  readonly until?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** A day's spans are mapped in one statement. */
const QUERY_TIMEOUT_MS = 3_600_000;

/** `signalbox import`: calls from the MCP spans that other gateways left in a table of the collector's shape. */
export const registerImport: RegisterCommands = (program, context) => {
  program
    .command("import")
    .description("make calls of the MCP spans that other gateways sent; repeating it adds nothing")
    .addOption(new Option("--from <table>", "the table, in the shape that the OpenTelemetry Collector's exporter writes").argParser(name).default("otel_traces"))
    .addOption(new Option("--database <name>", "the database that it is in, on the same store (default: Signalbox's own)").argParser(name))
    .option("--since <time>", "spans that started then or later: an ISO time, or an age such as 90m, 24h, 7d")
    .option("--until <time>", "spans that started before then (default: now)")
    .option("--dry-run", "only say what would become of the spans")
    .option("--json", "print the result as JSON")
    .addHelpText("after", "\nExample:\n  signalbox import --database otel --since 30d --dry-run\n")
    .action((flags: ImportFlags) => run(context, flags));
};

async function run(context: CommandContext, flags: ImportFlags): Promise<void> {
  const sinceMs = sinceMsOf(flags.since, context.clock);
  const untilMs = sinceMsOf(flags.until, context.clock) ?? context.clock.nowMs();
  if (sinceMs !== null && sinceMs >= untilMs) throw new SignalboxError("E_IMPORT_RANGE", "--since is not before --until", { remedy: "exchange the two" });
  const { url, username, password, database } = context.config().section("store", storeConfigSchema);
  const store = createStoreClient({ url, username, password, database, caller: "import", requestTimeoutMs: QUERY_TIMEOUT_MS });
  const stopping = new AbortController();
  void context.untilStopped().then(() => stopping.abort());
  try {
    const report = await importSpans({
      store,
      database: flags.database ?? database,
      table: flags.from,
      sinceMs,
      untilMs,
      dryRun: flags.dryRun ?? false,
      signal: stopping.signal,
      onDay: ({ day, read, mapped }) => void (flags.json || context.print(`${day}  ${read} spans, ${mapped} calls`)),
    });
    if (flags.json) context.print(JSON.stringify(report, null, 2));
    else for (const line of describeImport(report)) context.print(line);
  } catch (error) {
    // 60 is UNKNOWN_TABLE, 81 UNKNOWN_DATABASE.
    if (["60", "81"].includes((error as { code?: string }).code ?? "")) {
      const where = `${flags.database ?? database}.${flags.from}`;
      throw new SignalboxError("E_IMPORT_TABLE", `there is no table ${where}, or none of ours to import into`, { cause: error, remedy: "name another with --database and --from; `signalbox migrate` makes ours" });
    }
    throw isUnreachable(error) ? sqlError(error, url) : error;
  } finally {
    await store.close();
  }
}

function name(text: string): string {
  if (!databaseName.safeParse(text).success) throw new InvalidArgumentError("A name of letters, digits and underscores.");
  return text;
}
