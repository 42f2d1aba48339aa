import type { FileProblem } from "../../collector/kernel/errors.ts";
import { shortDigest } from "./digest.ts";
import { entryFaults } from "./entry-rules.ts";
import { serverEntrySchema, type RegistrySnapshot, type ServerEntry } from "./server-entry.ts";
import { listYamlFiles, readYamlFile, refuse, validate } from "./yaml-file.ts";

/** Reads every server of a directory. Throws one FileError that names every fault of every file; nothing loads by halves. */
export function loadRegistry(directory: string): RegistrySnapshot {
  const problems: FileProblem[] = [];
  const servers = new Map<string, ServerEntry>();
  const definedIn = new Map<string, string>();

  for (const file of listYamlFiles(directory, problems)) {
    const yaml = readYamlFile(file, problems);
    const entry = yaml && validate(yaml, serverEntrySchema, problems);
    if (!entry) continue;
    for (const fault of entryFaults(entry)) problems.push(yaml.at(fault.path, fault.message, fault.remedy));
    const earlier = definedIn.get(entry.name);
    if (earlier) {
      problems.push(yaml.at(["name"], `"${entry.name}" is already defined in ${earlier}`, "give each server a name of its own"));
      continue;
    }
    definedIn.set(entry.name, file);
    servers.set(entry.name, Object.freeze(entry));
  }
  refuse(problems);
  return Object.freeze({ revision: revisionOf(servers), servers });
}

/** Over what the files mean, not how they are written: a comment or another order of keys is not a new revision. */
function revisionOf(servers: ReadonlyMap<string, ServerEntry>): string {
  const names = [...servers.keys()].sort();
  return shortDigest(names.map((name) => servers.get(name)));
}
