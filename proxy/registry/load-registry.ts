import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { FileProblem } from "../../collector/kernel/errors.ts";
import { createFileMemory, type FileMemory, type ServerFile } from "./file-memory.ts";
import { nearest } from "./nearest.ts";
import { contactOf, loadPeople, ownershipFaults, type People } from "./people.ts";
import type { RegistrySnapshot, ServerEntry } from "./server-entry.ts";
import { listYamlFiles, parseYaml, refuse, type YamlFile } from "./yaml-file.ts";

export interface LoadRegistryOptions {
  /** `people.yaml` beside the directory, unless another is named. */
  readonly peopleFile?: string | undefined;
  readonly memory?: FileMemory;
}

/** What this process has read so far. It changes how long loading takes, and nothing else. */
const processMemory = createFileMemory();

/** So long at most the event loop waits for `prepareRegistry`, in milliseconds, one file's parse aside. */
const SLICE_MS = 8;

export const peopleFileOf = (directory: string): string => join(dirname(directory), "people.yaml");

interface Loaded {
  readonly file: string;
  readonly read: ServerFile;
}

/** Reads every server of a directory. Throws one FileError that names every fault of every file; nothing loads by halves. */
export function loadRegistry(directory: string, options: LoadRegistryOptions = {}): RegistrySnapshot {
  const { peopleFile = peopleFileOf(directory), memory = processMemory } = options;
  const problems: FileProblem[] = [];
  const people = loadPeople(peopleFile, problems);
  const loaded = new Map<string, Loaded>();

  for (const file of listYamlFiles(directory, problems)) {
    const read = memory.read(file, problems);
    if (!read) continue;
    problems.push(...read.faults);
    const { entry } = read;
    if (!entry) continue;
    const earlier = loaded.get(entry.name);
    if (earlier) problems.push(yamlOf(file, read).at(["name"], `"${entry.name}" is already defined in ${earlier.file}`, "give each server a name of its own"));
    else loaded.set(entry.name, { file, read });
  }
  for (const { file, read } of loaded.values()) problems.push(...referenceFaults(file, read, loaded, people));
  refuse(problems);
  return snapshotOf(loaded, people);
}

/**
 * Parses what changed in the directory, in slices between which the event loop goes on, so that `loadRegistry` finds it
 * done. Faults are left for `loadRegistry` to tell.
 */
export async function prepareRegistry(directory: string, memory: FileMemory = processMemory): Promise<void> {
  let sliceStart = performance.now();
  for (const file of listYamlFiles(directory, [])) {
    if (memory.isStale(file)) memory.read(file, []);
    if (performance.now() - sliceStart < SLICE_MS) continue;
    await nextTurn();
    sliceStart = performance.now();
  }
}

/** What one entry says of others: the server that replaces it, and the people behind it. */
function referenceFaults(file: string, read: ServerFile, loaded: ReadonlyMap<string, Loaded>, people: People | undefined): FileProblem[] {
  const entry = read.entry!;
  const faults: FileProblem[] = [];
  const { replacedBy } = entry;
  if (replacedBy !== undefined && !loaded.has(replacedBy)) {
    const near = nearest(replacedBy, loaded.keys());
    faults.push(yamlOf(file, read).at(["replacedBy"], `no server is named "${replacedBy}"`, near === undefined ? "register it first, or remove this" : `did you mean "${near}"?`));
  }
  if (people) faults.push(...ownershipFaults(people, entry, () => yamlOf(file, read)));
  return faults;
}

/** The file once more, for the place of a fault. Its parse was not kept: faults are rare, and a parsed document is large. */
const yamlOf = (file: string, read: ServerFile): YamlFile => parseYaml(file, read.text, [])!;

function snapshotOf(loaded: ReadonlyMap<string, Loaded>, people: People | undefined): RegistrySnapshot {
  const servers = new Map<string, ServerEntry>();
  const modifiedMs = new Map<string, number>();
  for (const [name, { read }] of loaded) {
    servers.set(name, people ? withContact(read.entry!, people) : read.entry!);
    modifiedMs.set(name, read.modifiedMs);
  }
  return Object.freeze({ revision: revisionOf(loaded, people), servers, people, modifiedMs });
}

/** The entry with the address behind its contact; the same object as long as that stays. */
function withContact(entry: ServerEntry, people: People): ServerEntry {
  const contact = contactOf(people, entry);
  if (contact === entry.contact) return entry;
  const before = addressed.get(entry);
  if (before?.contact === contact) return before!;
  const made = Object.freeze({ ...entry, contact });
  addressed.set(entry, made);
  return made;
}
const addressed = new WeakMap<ServerEntry, ServerEntry>();

/** Over what the files mean, not how they are written: a comment or another order of keys is not a new revision. */
function revisionOf(loaded: ReadonlyMap<string, Loaded>, people: People | undefined): string {
  const hash = createHash("sha256");
  for (const name of [...loaded.keys()].sort()) hash.update(loaded.get(name)!.read.canonical).update("\n");
  if (people) hash.update(JSON.stringify([...people.byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1))));
  return hash.digest("hex").slice(0, 12);
}
