import { readFileSync, statSync } from "node:fs";
import type { FileProblem } from "../../collector/kernel/errors.ts";
import { canonicalJson } from "./digest.ts";
import { entryFaults } from "./entry-rules.ts";
import { serverEntrySchema, type ServerEntry } from "./server-entry.ts";
import { parseYaml, unreadable, validate } from "./yaml-file.ts";

/** What a server's file says. The same text gives the same object, so whatever is derived from an entry can be kept with it. */
export interface ServerFile {
  readonly text: string;
  /** When the file was written, in Unix milliseconds. */
  readonly modifiedMs: number;
  /** Undefined where the file does not fit the schema. */
  readonly entry: ServerEntry | undefined;
  /** The entry as canonical JSON; empty without one. */
  readonly canonical: string;
  readonly faults: readonly FileProblem[];
}

export interface FileMemory {
  /** Reads the file, and parses it when its text is not the one that was parsed last. Undefined when it cannot be read. */
  read(file: string, problems: FileProblem[]): ServerFile | undefined;
  /** Whether `read` would have to parse. */
  isStale(file: string): boolean;
}

/** More than any registry holds; beyond it the file that was read longest ago is forgotten, and parsed again when asked for. */
const MAX_FILES = 8192;

/** Remembers what files held: of 500 files a reload parses only the one that somebody changed. */
export function createFileMemory(maxFiles = MAX_FILES): FileMemory {
  const known = new Map<string, ServerFile>();
  const remember = (file: string, read: ServerFile): ServerFile => {
    known.delete(file);
    known.set(file, read);
    if (known.size > maxFiles) known.delete(known.keys().next().value!);
    return read;
  };
  return {
    read(file, problems) {
      try {
        const text = readFileSync(file, "utf8");
        const modifiedMs = Math.trunc(statSync(file).mtimeMs);
        const before = known.get(file);
        if (before?.text !== text) return remember(file, { ...parseServer(file, text), modifiedMs });
        return before.modifiedMs === modifiedMs ? before : remember(file, { ...before, modifiedMs });
      } catch (error) {
        problems.push(unreadable(file, error));
        return undefined;
      }
    },
    isStale(file) {
      try {
        return known.get(file)?.text !== readFileSync(file, "utf8");
      } catch {
        return false;
      }
    },
  };
}

function parseServer(file: string, text: string): Omit<ServerFile, "modifiedMs"> {
  const faults: FileProblem[] = [];
  const yaml = parseYaml(file, text, faults);
  const parsed = yaml && validate(yaml, serverEntrySchema, faults);
  if (!parsed) return { text, entry: undefined, canonical: "", faults };
  for (const fault of entryFaults(parsed)) faults.push(yaml.at(fault.path, fault.message, fault.remedy));
  return { text, entry: Object.freeze(parsed), canonical: canonicalJson(parsed), faults };
}
