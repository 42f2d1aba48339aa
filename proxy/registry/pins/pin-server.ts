import { readFileSync } from "node:fs";
import { FileError, SignalboxError } from "../../../collector/kernel/errors.ts";
import type { FileProblem } from "../../../collector/kernel/errors.ts";
import { entryFaults } from "../entry-rules.ts";
import { serverEntrySchema, type ServerEntry } from "../server-entry.ts";
import { listYamlFiles, parseYaml, readYamlFile, refuse, validate } from "../yaml-file.ts";
import { compareDefinitions, type CompareOptions, type DefinitionComparison } from "./compare.ts";
import { canonicalDefinition, type ToolDefinition } from "./definition.ts";
import { byName, loadDefinitions, writeDefinitions } from "./definitions-file.ts";
import { pinOf } from "./action.ts";
import { replaceFile } from "./replace-file.ts";
import { withPins } from "./write-pins.ts";

/** A server of the registry and the file that it stands in. */
export interface ServerFile {
  readonly file: string;
  readonly entry: ServerEntry;
}

/** Throws FileError where the file has faults, and E_UNKNOWN_SERVER where no file names the server. */
export function findServerFile(registryDir: string, server: string): ServerFile {
  const problems: FileProblem[] = [];
  for (const file of listYamlFiles(registryDir, problems)) {
    const yaml = readYamlFile(file, problems);
    if ((yaml?.value as { name?: unknown } | null | undefined)?.name !== server) continue;
    const faults: FileProblem[] = [];
    const entry = validate(yaml!, serverEntrySchema, faults);
    for (const fault of entry ? entryFaults(entry) : []) faults.push(yaml!.at(fault.path, fault.message, fault.remedy));
    refuse(faults);
    return { file, entry: entry! };
  }
  refuse(problems);
  throw new SignalboxError("E_UNKNOWN_SERVER", `no file in ${registryDir} has a server of this name`, { remedy: "`signalbox registry list` shows the names" });
}

export interface ToolDifference extends DefinitionComparison {
  readonly tool: string;
  /** The pin in the registry; undefined where there is none. */
  readonly pin: string | undefined;
  /** The hash of what was seen; undefined for a tool that is gone. */
  readonly hash: string | undefined;
}

/** What differs between what is pinned and what was seen, tool by tool and by name; also for tools that were never pinned. */
export function diffServer(registryDir: string, entry: ServerEntry, seen: readonly ToolDefinition[], options: CompareOptions): ToolDifference[] {
  const pinned = loadDefinitions(registryDir, entry.name);
  const now = byName(seen);
  const pins = Object.keys(entry.tools).filter((tool) => pinOf(entry, tool) !== undefined);
  return [...new Set([...now.keys(), ...pins])].sort().map((tool) => {
    const definition = now.get(tool);
    const pin = pinOf(entry, tool);
    const hash = definition && canonicalDefinition(definition)?.hash;
    const compared = compareDefinitions(pin === undefined ? undefined : pinned.get(tool), definition, options);
    return { tool, pin, hash, ...(pin === undefined ? compared : believed(compared, pin, hash, definition)) };
  });
}

/** The pin decides; the definitions file explains it, and may be out of date or missing. */
function believed(compared: DefinitionComparison, pin: string, hash: string | undefined, seen: ToolDefinition | undefined): DefinitionComparison {
  if (pin === hash) return { ...compared, change: "same", differences: [] };
  if (seen === undefined) return { ...compared, change: "vanished", differences: [] };
  if (compared.change === "compatible" || compared.change === "breaking") return compared;
  return { ...compared, change: "breaking", differences: [{ path: "", kind: "other", text: "not the definition that is pinned" }] };
}

/**
 * Pins these definitions: their hashes into the server's file and they themselves beside it. Returns the names of the tools
 * whose pin is new. Throws SignalboxError for a definition that is too large, FileError rather than write a file that would
 * not load.
 */
export function pinServer(registryDir: string, { file, entry }: ServerFile, tools: readonly ToolDefinition[]): readonly string[] {
  const pins = new Map<string, string>();
  for (const tool of tools) {
    const found = canonicalDefinition(tool);
    if (!found) throw new SignalboxError("E_DEFINITION_TOO_LARGE", "a definition is too large or too deep to be pinned; nothing was written");
    if (pinOf(entry, tool.name) !== found.hash) pins.set(tool.name, found.hash);
  }
  const text = withPins(readFileSync(file, "utf8"), pins);
  const problems: FileProblem[] = [];
  const yaml = parseYaml(file, text, problems);
  if (!yaml || !validate(yaml, serverEntrySchema, problems)) throw new FileError(problems);

  // First what explains the pins: without it a pin would still hold, but nobody could say what changed.
  writeDefinitions(registryDir, entry.name, new Map([...loadDefinitions(registryDir, entry.name), ...byName(tools)]));
  if (pins.size > 0) replaceFile(file, text);
  return [...pins.keys()];
}
