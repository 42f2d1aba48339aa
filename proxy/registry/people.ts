import { existsSync } from "node:fs";
import { z } from "zod";
import type { FileProblem } from "../../collector/kernel/errors.ts";
import { nearest } from "./nearest.ts";
import { readYamlFile, validate, type YamlFile } from "./yaml-file.ts";

const id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/, "letters, digits and . _ @ -, at most 128");

/** `people.yaml`: whoever may own a server. Ids of people and teams share one namespace, because an owner may be either. */
export const peopleSchema = z.strictObject({
  people: z.array(z.strictObject({ id, name: z.string().min(1), contact: z.string().min(1) })).default([]),
  teams: z.array(z.strictObject({ id, name: z.string().min(1).optional(), contact: z.string().min(1), members: z.array(id).default([]) })).default([]),
});

/** A person or a team, as an owner resolves to it. */
export interface Party {
  readonly kind: "person" | "team";
  readonly id: string;
  readonly name: string;
  /** Where they are reached: an address, a channel. */
  readonly contact: string;
  /** The people of a team, by id; a person alone is their own. */
  readonly members: readonly string[];
}

export interface People {
  readonly byId: ReadonlyMap<string, Party>;
  /** Every contact that the file lists. */
  readonly contacts: ReadonlySet<string>;
}

/** Undefined when there is no such file, or when it has faults: those are added to `problems`. */
export function loadPeople(file: string, problems: FileProblem[]): People | undefined {
  if (!existsSync(file)) return undefined;
  const yaml = readYamlFile(file, problems);
  const parsed = yaml && validate(yaml, peopleSchema, problems);
  if (!parsed) return undefined;
  const byId = new Map<string, Party>();
  const before = problems.length;
  const add = (party: Party, path: (string | number)[]): void => {
    if (byId.has(party.id)) problems.push(yaml.at([...path, "id"], `"${party.id}" is already defined`, "give each person and team an id of its own"));
    else byId.set(party.id, Object.freeze(party));
  };
  parsed.people.forEach((person, i) => add({ kind: "person", ...person, members: [person.id] }, ["people", i]));
  const known = [...byId.keys()];
  parsed.teams.forEach((team, i) => {
    add({ kind: "team", ...team, name: team.name ?? team.id }, ["teams", i]);
    team.members.forEach((member, m) => {
      if (!known.includes(member)) problems.push(unknown(yaml, ["teams", i, "members", m], `no person has the id "${member}"`, nearest(member, known), "add them under people"));
    });
  });
  if (problems.length > before) return undefined;
  return Object.freeze({ byId, contacts: new Set([...byId.values()].map((party) => party.contact)) });
}

/** Whom an owner names; undefined where nobody does, or where there is no file of people and owners are free text. */
export function resolveOwner(people: People | undefined, owner: string | undefined): Party | undefined {
  return owner === undefined ? undefined : people?.byId.get(owner);
}

/**
 * Where the people behind an entry are reached: the contact that it names, which may be the id of a person or team, or
 * else its owner's. Undefined where nothing says so.
 */
export function contactOf(people: People | undefined, entry: { readonly owner?: string | undefined; readonly contact?: string | undefined }): string | undefined {
  if (entry.contact === undefined) return resolveOwner(people, entry.owner)?.contact;
  return people?.byId.get(entry.contact)?.contact ?? entry.contact;
}

/** What in an entry names somebody who is not in the file. `yaml` is the entry's own file, read when there is a fault. */
export function ownershipFaults(people: People, entry: { readonly owner?: string | undefined; readonly contact?: string | undefined }, yaml: () => YamlFile): FileProblem[] {
  const faults: FileProblem[] = [];
  const ids = people.byId.keys();
  if (entry.owner !== undefined && !people.byId.has(entry.owner)) {
    faults.push(unknown(yaml(), ["owner"], `no person or team has the id "${entry.owner}"`, nearest(entry.owner, ids), "add them to people.yaml"));
  }
  const { contact } = entry;
  if (contact !== undefined && !people.contacts.has(contact) && !people.byId.has(contact)) {
    const near = nearest(contact, [...people.contacts, ...people.byId.keys()]);
    faults.push(unknown(yaml(), ["contact"], `"${contact}" is nobody's contact`, near, "add it to people.yaml, or name a person or team by id"));
  }
  return faults;
}

function unknown(yaml: YamlFile, path: (string | number)[], message: string, near: string | undefined, remedy: string): FileProblem {
  return yaml.at(path, message, near === undefined ? remedy : `did you mean "${near}"? Otherwise ${remedy}`);
}
