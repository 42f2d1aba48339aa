import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadRegistry } from "../../../proxy/registry/load-registry.ts";
import { contactOf, resolveOwner } from "../../../proxy/registry/people.ts";
import { faultsOf } from "./annotated.ts";

const people = `people:
  - { id: ana, name: Ana Alvarez, contact: ana@example.com }
  - { id: bo, name: Bo Berg, contact: bo@example.com }
teams:
  - { id: support-tools, contact: "#support-tools", members: [ana, bo] }
`;
const server = (lines: string) => `name: tickets\n${lines}\nendpoint: { transport: stdio, command: x }\n`;

/** A registry of one server, beside this file of people. */
function registryWith(text: string | null, lines: string): string {
  const dir = mkdtempSync(join(tmpdir(), "signalbox-"));
  mkdirSync(join(dir, "registry"));
  if (text !== null) writeFileSync(join(dir, "people.yaml"), text);
  writeFileSync(join(dir, "registry", "tickets.yaml"), server(lines));
  return join(dir, "registry");
}

const faults = (text: string, lines: string) =>
  faultsOf(() => loadRegistry(registryWith(text, lines))).map((f) => `${f.line}:${f.column} ${f.message}${f.remedy ? ` (${f.remedy})` : ""}`);

describe("with a file of people", () => {
  it("an owner may be a team, and resolves to its contact and members", () => {
    const registry = loadRegistry(registryWith(people, "owner: support-tools\ncontact: ana@example.com"));
    expect(resolveOwner(registry.people, "support-tools")).toEqual({ kind: "team", id: "support-tools", name: "support-tools", contact: "#support-tools", members: ["ana", "bo"] });
    expect(contactOf(registry.people, registry.servers.get("tickets")!)).toBe("ana@example.com");
  });

  it("an owner may be a person", () => {
    const registry = loadRegistry(registryWith(people, "owner: ana"));
    expect(resolveOwner(registry.people, "ana")).toMatchObject({ kind: "person", name: "Ana Alvarez", members: ["ana"] });
  });

  it("a contact may be an id, and an entry without one has its owner's", () => {
    expect(loadRegistry(registryWith(people, "owner: support-tools\ncontact: bo")).servers.get("tickets")!.contact).toBe("bo@example.com");
    expect(loadRegistry(registryWith(people, "owner: support-tools")).servers.get("tickets")!.contact).toBe("#support-tools");
  });

  it("an owner who is not in it is refused with the place, and with the name that was meant", () => {
    expect(faults(people, "owner: suport-tools")).toEqual(['2:8 owner: no person or team has the id "suport-tools" (did you mean "support-tools"? Otherwise add them to people.yaml)']);
    expect(faults(people, "owner: finance")).toEqual(['2:8 owner: no person or team has the id "finance" (add them to people.yaml)']);
  });

  it("a contact that is nobody's is refused too", () => {
    expect(faults(people, "owner: ana\ncontact: anna@example.com")).toEqual([expect.stringMatching(/^3:10 contact: "anna@example.com" is nobody's contact \(did you mean "ana@example.com"\?/)]);
  });

  it("who has left it is a fault at the next load, though the server's file is as it was", () => {
    const dir = registryWith(people, "owner: ana");
    loadRegistry(dir);
    writeFileSync(join(dir, "..", "people.yaml"), "people: []\n");
    expect(faultsOf(() => loadRegistry(dir))).toHaveLength(1);
  });

  it("another contact of an owner is another revision", () => {
    const dir = registryWith(people, "owner: ana");
    const before = loadRegistry(dir).revision;
    writeFileSync(join(dir, "..", "people.yaml"), people.replace("ana@example.com", "ana@example.org"));
    expect(loadRegistry(dir).revision).not.toBe(before);
    expect(loadRegistry(dir).servers.get("tickets")!.contact).toBe("ana@example.org");
  });
});

describe("a file of people is refused for", () => {
  const table: [string, string, string][] = [
    ["an id that is there twice", "people:\n  - { id: ana, name: A, contact: a }\nteams:\n  - { id: ana, contact: b }\n", '4:11 teams.0.id: "ana" is already defined (give each person and team an id of its own)'],
    ["a member who is no person", "people:\n  - { id: ana, name: A, contact: a }\nteams:\n  - { id: t, contact: b, members: [anna] }\n", '4:36 teams.0.members.0: no person has the id "anna" (did you mean "ana"? Otherwise add them under people)'],
    ["an unknown key", "person: []\n", "1:9 person: unknown key (check the spelling, or remove it)"],
    ["a person without a contact", "people:\n  - { id: ana, name: A }\n", "2:5 people.0.contact: missing (add it: string)"],
  ];
  it.each(table)("%s", (_name, text, expected) => expect(faults(text, "description: x")).toEqual([expected]));
});

it("without a file of people, owners and contacts are free text", () => {
  const registry = loadRegistry(registryWith(null, "owner: whoever\ncontact: somewhere"));
  expect(registry.people).toBeUndefined();
  expect(contactOf(undefined, registry.servers.get("tickets")!)).toBe("somewhere");
  expect(resolveOwner(undefined, "whoever")).toBeUndefined();
});
