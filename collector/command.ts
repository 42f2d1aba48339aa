import { Option, InvalidArgumentError, type Command } from "commander";
import { collectorConfigSchema, storeConfigSchema, type StoreConfig } from "./config.ts";
import type { CommandContext, RegisterCommands } from "./kernel/command.ts";
import { SignalboxError } from "./kernel/errors.ts";
import { isUnreachable, migrateStore, migrateWhenReachable, startCollector } from "./receive/run-collector.ts";
import { sqlError } from "./sql/errors.ts";
import { parseSqlFormat, sqlFormats, type SqlFormat } from "./sql/formats.ts";
import { runSql } from "./sql/run-sql.ts";

const MAX_QUERY_BYTES = 256 * 1024;

/** `signalbox collector`, `signalbox migrate` and `signalbox sql`. */
export const registerCollector: RegisterCommands = (program, context) => {
  program
    .command("collector")
    .description("receive spans over OTLP/HTTP and put them into the store, until stopped")
    .action(() => collect(context));
  program
    .command("migrate")
    .description("bring the store's tables up to this version")
    .action(() => migrateOnce(context));
  registerSql(program, context);
};

async function collect(context: CommandContext): Promise<void> {
  const logger = context.logger("collector");
  const store = storeConfig(context);
  const config = context.config().section("collector", collectorConfigSchema);
  const stopped = context.untilStopped();
  const abort = new AbortController();
  void stopped.then(() => abort.abort());
  try {
    await migrateWhenReachable(store, context.clock, logger, abort.signal);
  } catch (error) {
    if (abort.signal.aborted) return;
    throw error;
  }
  const collector = await startCollector({ config, store, clock: context.clock, logger });
  logger.info({ url: collector.url }, "collector ready");
  context.ready({ url: collector.url });
  await stopped;
  logger.info("collector stopping");
  await collector.stop();
}

async function migrateOnce(context: CommandContext): Promise<void> {
  const store = storeConfig(context);
  try {
    const applied = await migrateStore(store, context.clock, context.logger("migrate"));
    context.print(applied.length === 0 ? "The store is up to date." : `Applied ${applied.join(", ")}.`);
  } catch (error) {
    throw isUnreachable(error) ? sqlError(error, store.url) : error;
  }
}

interface SqlFlags {
  readonly format?: SqlFormat;
  readonly param: Readonly<Record<string, string>>;
  readonly timeout: number;
}

function registerSql(program: Command, context: CommandContext): void {
  const names = Object.keys(sqlFormats).join(", ");
  program
    .command("sql")
    .description("run one query that only reads, on whatever store the configuration names")
    .argument("<query>", "the query; - reads it from standard input")
    .addOption(new Option("--format <format>", `one of ${names} (default: table on a terminal, else json)`).argParser(formatFlag))
    .addOption(new Option("--param <name=value>", "a value for {name:Type} in the query; may be repeated").argParser(paramFlag).default({}, "none"))
    .addOption(new Option("--timeout <seconds>", "how long the query may run").argParser(secondsFlag).default(60))
    .action(async (query: string, flags: SqlFlags) => {
      const { url, username, password, database } = storeConfig(context);
      const toTerminal = process.stdout.isTTY === true;
      await runSql({
        url,
        username,
        password,
        database,
        query: query === "-" ? await readAll(process.stdin) : query,
        params: flags.param,
        format: flags.format ?? (toTerminal ? "table" : "json"),
        timeoutSeconds: flags.timeout,
        toTerminal,
        print: (line) => context.print(line),
      });
    });
}

function storeConfig(context: CommandContext): StoreConfig {
  return context.config().section("store", storeConfigSchema);
}

function formatFlag(text: string): SqlFormat {
  const format = parseSqlFormat(text);
  if (format === undefined) throw new InvalidArgumentError(`One of ${Object.keys(sqlFormats).join(", ")}.`);
  return format;
}

function paramFlag(text: string, earlier: Readonly<Record<string, string>>): Record<string, string> {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError("Write it as name=value.");
  return { ...earlier, [name]: value };
}

function secondsFlag(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 3600)) throw new InvalidArgumentError("A number of seconds up to 3600.");
  return seconds;
}

async function readAll(input: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    size += chunk.length;
    if (size > MAX_QUERY_BYTES) throw new SignalboxError("E_SQL_TOO_LONG", `the query is longer than ${MAX_QUERY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
