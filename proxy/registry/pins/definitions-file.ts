import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { FileError } from "../../../collector/kernel/errors.ts";
import { replaceFile } from "./replace-file.ts";
import { canonicalDefinition, definitionOf, MAX_NAME_CHARS, type ToolDefinition } from "./definition.ts";

const MAX_FILE_BYTES = 16 * 1024 * 1024;

const fileSchema = z.object({ tools: z.array(z.looseObject({ name: z.string().min(1).max(MAX_NAME_CHARS) })).max(2000) });

/** Where the definitions of a server's pins are: they explain the hashes, and the registry's files alone decide. */
export function definitionsFile(registryDir: string, server: string): string {
  return join(registryDir, "definitions", `${server}.json`);
}

/** By tool. Empty where nothing was pinned yet. Throws FileError for a file that is not one of ours. */
export function loadDefinitions(registryDir: string, server: string): Map<string, ToolDefinition> {
  const file = definitionsFile(registryDir, server);
  try {
    return byName(readTools(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    throw error;
  }
}

/** Sorted by name and with sorted keys, so that a change shows as just that in a review. */
export function writeDefinitions(registryDir: string, server: string, tools: ReadonlyMap<string, ToolDefinition>): string {
  const file = definitionsFile(registryDir, server);
  const sorted = [...tools.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const plain: unknown = sorted.map((tool) => JSON.parse(canonicalDefinition(tool)?.text ?? "null"));
  mkdirSync(join(registryDir, "definitions"), { recursive: true });
  replaceFile(file, `${JSON.stringify({ server, tools: plain }, null, 2)}\n`);
  return file;
}

/**
 * Definitions out of a file that a person has: a tools/list result, the response around it, a bare list of tools, or a file
 * that `registry pin` wrote. Throws FileError, and the system's error for a file that cannot be read.
 */
export function readTools(file: string): ToolDefinition[] {
  if (statSync(file).size > MAX_FILE_BYTES) throw fault(file, `larger than ${MAX_FILE_BYTES / 1024 / 1024} MB`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    // The parser's own message quotes the file.
    if (error instanceof SyntaxError) throw fault(file, "not JSON");
    throw error;
  }
  const result = Array.isArray(value) ? { tools: value } : ((value as { result?: unknown } | null)?.result ?? value);
  const parsed = fileSchema.safeParse(result);
  if (!parsed.success) throw fault(file, "no list of tools with names");
  return parsed.data.tools.map(definitionOf);
}

export function byName(tools: readonly ToolDefinition[]): Map<string, ToolDefinition> {
  return new Map(tools.map((tool) => [tool.name, tool]));
}

function fault(file: string, message: string): FileError {
  const remedy = "give the result of tools/list as JSON: { \"tools\": [...] }";
  return new FileError([{ file, line: 1, column: 1, message, remedy }]);
}
