import { expect, it } from "vitest";
import { parse } from "yaml";
import { policyFileSchema, type Rule } from "../../../proxy/policy/rule.ts";
import { draftRules } from "../../../proxy/policy/suggest/draft.ts";
import { groupUncovered } from "../../../proxy/policy/suggest/group.ts";
import type { UncoveredCalls } from "../../../proxy/policy/suggest/uncovered.ts";
import { serverEntrySchema, type RegistrySnapshot } from "../../../proxy/registry/server-entry.ts";

const server = (name: string, tools: object) => serverEntrySchema.parse({ name, lifecycle: "approved", endpoint: { transport: "stdio", command: "x" }, tools });
const registry = {
  revision: "r1",
  servers: new Map([
    ["files", server("files", { read: { effect: "read" }, list: { effect: "read" }, write: { effect: "write" }, drop: { effect: "destructive" } })],
    ["mail", server("mail", { send: { effect: "write" } })],
  ]),
} as unknown as RegistrySnapshot;

const row = (over: Partial<UncoveredCalls> = {}): UncoveredCalls => ({
  kind: "uncovered",
  agent: "build",
  task_class: "research",
  server: "files",
  method: "tools/call",
  tool: "read",
  prompt: "",
  resource_uri: "",
  effect: "read",
  mode: "enforce",
  rules: [],
  tasks: 1,
  calls: "5",
  first: "2026-01-02T03:04:05.000000Z",
  last: "2026-01-03T03:04:05.000000Z",
  ...over,
});

const window = { from: "2026-01-01T00:00:00.000Z", to: "2026-01-08T00:00:00.000Z", incomplete: false };

function draft(...rows: UncoveredCalls[]): { text: string; rules: Rule[] } {
  const text = draftRules(groupUncovered(rows, registry), rows, window);
  return { text, rules: policyFileSchema.parse(parse(text)).rules };
}

/** Rules without what a list leaves open. */
const shape = (rules: Rule[]) =>
  rules.map(({ id, effect, match }) => ({ id, effect, ...Object.fromEntries(Object.entries(match).filter(([, v]) => v.length > 0)) }));

it("what an agent did on a server with one effect is one rule, and names just that", () => {
  const { text, rules } = draft(row(), row({ tool: "list", calls: "2", first: "2026-01-01T03:04:05.000000Z" }), row({ tool: "write", effect: "write" }));
  expect(shape(rules)).toEqual([
    { id: "suggested.files.build.read", effect: "allow", agents: ["build"], taskClasses: ["research"], servers: ["files"], tools: ["list", "read"], methods: ["tools/call"] },
    { id: "suggested.files.build.write", effect: "allow", agents: ["build"], taskClasses: ["research"], servers: ["files"], tools: ["write"], methods: ["tools/call"] },
  ]);
  expect(text).toContain("# 7 calls by build, first 2026-01-01T03:04:05Z, last 2026-01-03T03:04:05Z");
});

it("agents that did the same share a rule, and those that did something else do not", () => {
  const { text, rules } = draft(row(), row({ agent: "triage" }), row({ agent: "other", tool: "list" }));
  expect(rules.map((rule) => rule.match.agents)).toEqual([["build", "triage"], ["other"]]);
  expect(text).toContain("# 10 calls by build, triage");
});

it("what destroys is drafted as a hold", () => {
  expect(draft(row({ tool: "drop", effect: "destructive" })).rules[0]!.effect).toBe("hold");
});

it("prompts and resources are named with their method, and many resources by their folder", () => {
  const many = Array.from({ length: 12 }, (_, i) => row({ method: "resources/read", tool: "", resource_uri: `file:///data/notes/${i}.md` }));
  const { rules } = draft(row({ method: "prompts/get", tool: "", prompt: "greet" }), ...many);
  expect(shape(rules).map(({ methods, prompts, resources }: Record<string, unknown>) => [methods, prompts ?? resources])).toEqual([
    [["resources/read"], ["file:///data/notes/*"]],
    [["prompts/get"], ["greet"]],
  ]);
  const apart = Array.from({ length: 12 }, (_, i) => row({ method: "resources/read", tool: "", resource_uri: `https://host-${i}/a` }));
  expect(draft(...apart).rules[0]!.match.resources.length).toBe(12);
});

it("a name that an agent made up does not come into the rules", () => {
  const { text, rules } = draft(
    row({ tool: "*" }),
    row({ tool: "made_up" }),
    row({ server: "gone" }),
    row({ method: "resources/read", tool: "", resource_uri: "file:///*" }),
    row({ method: "prompts/get", tool: "", prompt: "*" }),
  );
  expect(rules).toEqual([]);
  expect(text).toContain("# No rule is drafted for 10 of the calls: the registry does not list the tool.");
  expect(text).toContain("# No rule is drafted for 10 of the calls: a name holds a star.");
  expect(text).toContain("# No rule is drafted for 5 of the calls: the registry no longer has the server.");
});

it("text that is made to break out of its place stays in it", () => {
  const quoted = "#x: - [a], {b} \"c\" 'd' & !e | > %f";
  const evil = 'x\n  - { id: evil, effect: allow }\n# "\u2028- id: more\r\n\u001b[2J\u202e';
  const { text, rules } = draft(
    row({ agent: quoted, task_class: quoted }),
    row({ agent: evil }),
    row({ task_class: evil }),
    row({ method: "prompts/get", tool: "", prompt: evil }),
    row({ kind: "refused", mode: "observe", agent: evil, tool: evil, rules: ["no"] }),
  );
  expect(rules.map(({ id, match }) => [id, match.agents, match.taskClasses])).toEqual([[expect.stringMatching(/^suggested\.files\.[a-z-]+\.read$/), [quoted], [quoted]]]);
  expect(text).toContain("# No rule is drafted for 15 of the calls: a name holds characters that cannot be shown.");
  expect(text).not.toMatch(/[\u001b\u2028\u202e\r]/);
  expect(text.split("\n").filter((line) => line.includes("id: evil")).every((line) => line.startsWith("#"))).toBe(true);
});

it("an observed server's drafts say that the calls went through, and what rules would refuse is told apart", () => {
  const { text, rules } = draft(
    row({ mode: "observe" }),
    row({ mode: "observe", kind: "refused", rules: ["no-writes"], tool: "write", calls: "3" }),
    row({ mode: "observe", kind: "failed", rules: ["sizes"], calls: "2" }),
  );
  expect(rules.length).toBe(1);
  expect(text).toContain("# The server is only observed: these calls went through.");
  expect(text).toContain("#   no-writes would deny 3 calls of files/write by build");
  expect(text).toContain("#   sizes could not be evaluated for 2 calls of files/read by build");
});

it("with nothing to say there is an empty list of rules", () => {
  const { text, rules } = draft();
  expect(rules).toEqual([]);
  expect(text).toContain("There was no such call");
});
