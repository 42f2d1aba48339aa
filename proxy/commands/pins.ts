import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { CommandContext } from "../../collector/kernel/command.ts";
import { FileError, SignalboxError } from "../../collector/kernel/errors.ts";
import { showable } from "../../collector/sql/terminal.ts";
import { proxyConfigSchema } from "../config.ts";
import { controlFiles } from "../control-files.ts";
import { controlDir } from "../data-files.ts";
import type { CompareOptions } from "../registry/pins/compare.ts";
import { readTools } from "../registry/pins/definitions-file.ts";
import { parseDefinition, type ToolDefinition } from "../registry/pins/definition.ts";
import { diffServer, findServerFile, pinServer, type ToolDifference } from "../registry/pins/pin-server.ts";
import type { InstructionScorer } from "../registry/pins/texts.ts";
import { ControlState } from "../state/control-state.ts";
import { journalStart, readEntries } from "../state/journal.ts";

/** For tests; both have defaults. */
export interface PinSources {
  /** The definitions that the proxy saw last of a server's tools (default: by the control journal in the data directory). */
  readonly observed?: (server: string) => Promise<readonly ToolDefinition[]>;
  /** Default: the scan of collector/text. */
  readonly score?: InstructionScorer;
}

interface PinFlags {
  readonly from?: string;
  readonly observed?: boolean;
  readonly tool?: readonly string[];
  readonly json?: boolean;
}

/** `registry pin` and `registry diff`. */
export function addPinVerbs(registry: Command, context: CommandContext, sources: PinSources = {}): void {
  withSource(registry.command("pin <server>"))
    .description("approve the tools' definitions as they are: their hashes go into the server's file, they themselves into definitions/")
    .option("--tool <name...>", "only these tools (default: all)")
    .addHelpText("after", "\nExample:\n  signalbox registry pin filesystem --from tools.json\n")
    .action((server: string, flags: PinFlags) => pin(context, sources, server, flags));
  withSource(registry.command("diff <server>"))
    .description("show how the tools' definitions differ from what is pinned; exit code 1 where they do")
    .option("--json", "print the differences as JSON")
    .addHelpText("after", "\nExample:\n  signalbox registry diff filesystem --observed\n")
    .action((server: string, flags: PinFlags) => diff(context, sources, server, flags));
}

function withSource(verb: Command): Command {
  return verb.option("--from <file>", "a tools/list result as JSON").option("--observed", "what the proxy saw last");
}

async function pin(context: CommandContext, sources: PinSources, server: string, flags: PinFlags): Promise<void> {
  const { registryDir, sample } = files(context);
  if (sample) {
    const remedy = "name a registry of your own: proxy.registry in signalbox.yaml";
    throw new SignalboxError("E_SAMPLE_REGISTRY", "the sample registry belongs to the package and is not changed", { remedy });
  }
  const found = findServerFile(registryDir, server);
  const tools = chosen(await readSource(context, sources, server, flags), flags.tool);
  const differences = diffServer(registryDir, found.entry, tools, await compareWith(sources));
  const pinned = new Set(pinServer(registryDir, found, tools));
  for (const difference of differences.filter((d) => pinned.has(d.tool))) print(context, difference, "pinned");
  context.print(`${pinned.size} of ${tools.length} pins are new in ${found.file}`);
}

async function diff(context: CommandContext, sources: PinSources, server: string, flags: PinFlags): Promise<void> {
  const { registryDir } = files(context);
  const { entry } = findServerFile(registryDir, server);
  const tools = await readSource(context, sources, server, flags);
  const changed = diffServer(registryDir, entry, tools, await compareWith(sources)).filter((d) => d.change !== "same");
  if (flags.json === true) context.print(JSON.stringify({ server, tools: changed }, null, 2));
  else if (changed.length === 0) context.print(`${server}: ${tools.length} tools, all as pinned`);
  else for (const difference of changed) print(context, difference, difference.pin === undefined ? "not pinned" : difference.change);
  if (changed.length > 0) process.exitCode = 1;
}

function print(context: CommandContext, { tool, hash, change, differences }: ToolDifference, word: string): void {
  context.print(showable(`${word.padEnd(10)}  ${tool}  ${hash?.slice(0, 19) ?? "-"}${word === change ? "" : `  (${change})`}`));
  for (const { path, kind, text } of differences) context.print(showable(`            ${path === "" ? "" : `${path} `}${kind}: ${text}`));
}

async function readSource(context: CommandContext, sources: PinSources, server: string, flags: PinFlags): Promise<readonly ToolDefinition[]> {
  if ((flags.from === undefined) === (flags.observed !== true)) {
    throw new SignalboxError("E_PIN_SOURCE", "say where the definitions come from", { remedy: "--from <file>, or --observed for what the proxy saw last" });
  }
  const tools = flags.from === undefined ? await (sources.observed ?? observedIn(context.config().dataDir))(server) : fromFile(resolve(flags.from));
  if (tools.length === 0) throw new SignalboxError("E_NO_DEFINITIONS", "no tool definitions are there", { remedy: "let a client list the server's tools once, or give --from" });
  return tools;
}

/** What the control journal says was seen last. It may be read while the proxy runs. */
function observedIn(dataDir: string): (server: string) => Promise<readonly ToolDefinition[]> {
  return async (server) => {
    const state = new ControlState();
    try {
      for await (const { entries } of readEntries(join(controlDir(dataDir), "journal.ndjson"), journalStart)) {
        for (const entry of entries) state.apply(entry);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      throw new SignalboxError("E_PIN_SOURCE", `no proxy has run with the data in ${dataDir}`, { remedy: "give --from <file>, or the data directory of the proxy (SIGNALBOX_DATA_DIR)" });
    }
    const seen = [...(state.tools.get(server)?.values() ?? [])].filter((tool) => tool.state !== "vanished");
    return seen.flatMap((tool) => parseDefinition(tool.definition) ?? []);
  };
}

function fromFile(file: string): ToolDefinition[] {
  try {
    return readTools(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (error instanceof SignalboxError || code === undefined) throw error;
    throw new FileError([{ file, line: 1, column: 1, message: `cannot be read: ${code}` }]);
  }
}

function chosen(tools: readonly ToolDefinition[], names: readonly string[] | undefined): readonly ToolDefinition[] {
  if (names === undefined) return tools;
  const missing = names.find((name) => !tools.some((tool) => tool.name === name));
  if (missing !== undefined) throw new SignalboxError("E_NO_DEFINITIONS", `there is no definition of ${showable(missing)}`, { remedy: "check the name of the tool" });
  return tools.filter((tool) => names.includes(tool.name));
}

/** The scan brings its model with it, which the registry's other verbs have no use for. */
async function compareWith({ score }: PinSources): Promise<CompareOptions> {
  if (score) return { score };
  const { scanText } = await import("../../collector/text/scan.ts");
  return { score: (text) => scanText(text).score };
}

function files(context: CommandContext) {
  const config = context.config();
  return controlFiles(config, config.section("proxy", proxyConfigSchema));
}
