import { expect, test } from "vitest";
import { compilePatterns, globFits, overlaps, templateGlob } from "../../../proxy/policy/pattern.ts";
import { seededRandom } from "../../support/random.ts";
import { call, policySet } from "./rules.ts";

const allow = { id: "allow", effect: "allow" };
const may = (rules: object[], over = {}, template?: string) => policySet(...rules).mayAllow(call({ args: undefined, ...over }), template);

for (const [what, rules, expected] of [
  ["no rule is about it", [{ ...allow, match: { tools: ["other"] } }], false],
  ["a rule allows it", [allow], true],
  ["a rule allows it with some arguments", [{ ...allow, when: "args.limit <= 100" }], true],
  ["a rule allows it to another agent", [{ ...allow, when: 'agent == "other" && args.limit <= 100' }], false],
  ["a rule allows it to this agent, with some arguments", [{ ...allow, when: 'agent == "build" && args.limit <= 100' }], true],
  ["a rule denies it", [allow, { id: "deny", effect: "deny" }], false],
  ["a rule denies it with some arguments", [allow, { id: "deny", effect: "deny", when: 'args.path.startsWith("/etc")' }], true],
  ["a rule denies it in this kind of task, whatever the arguments", [allow, { id: "deny", effect: "deny", when: 'task.class == "research" || args.force' }], false],
  ["a rule denies it once the task has read something", [allow, { id: "deny", effect: "deny", when: "task.tainted" }], true],
  ["a rule denies it at night", [allow, { id: "deny", effect: "deny", when: "now.getHours() < 6" }], true],
  ["a person has to agree", [{ id: "hold", effect: "hold" }], true],
  ["the condition of a rule fails whatever the arguments", [allow, { id: "broken", effect: "allow", when: "server.dataDomains[7] == 'x'" }], false],
  ["the condition of a rule fails with some arguments", [{ ...allow, when: "args.a.b.c == 1" }], true],
] as const) {
  test(`a tool is ${expected ? "shown" : "hidden"} where ${what}`, () => expect(may([...rules])).toBe(expected));
}

/** Some conditions, and what they can turn out to be with the arguments and the moments that are tried below. */
const conditions = ["args.a == 1", "args.a != 1", "args.b == true", "has(args.c)", "!has(args.c) || args.a < 2", 'agent == "build"', 'agent != "build"', "task.tainted", "!task.tainted && args.b", "task.calls > 3", 'tool.effect == "read"', "args.a == 1 ? args.b == true : task.tainted", "args.none.deeper == 1", "1 / (args.a - 1) > 0"];
const calls = [{}, { a: 1, b: true }, { a: 1, b: false }, { a: 2, b: true }, { a: 3, b: false, c: 1 }, { b: true, c: null }, { a: "x" }].flatMap((args) =>
  [false, true].flatMap((tainted) => [0, 10].map((callsInTask) => ({ args, tainted, callsInTask }))),
);

test("no rule set hides what some call of it would be let through, and shows nothing that rules without open conditions refuse", () => {
  const random = seededRandom(11);
  let hidden = 0;
  for (let i = 0; i < 1500; i++) {
    const rules = Array.from({ length: random.int(1, 5) }, (_, n) => ({
      id: `r${n}`,
      effect: random.pick(["allow", "allow", "hold", "deny"]),
      match: random.pick([{}, { tools: ["read_*"] }, { tools: ["other"] }, { agents: ["build"], effects: ["read"] }]),
      ...(random.next() < 0.7 ? { when: random.pick(conditions) } : {}),
    }));
    const set = policySet(...rules);
    const some = calls.some((over) => set.decide(call(over)).decision !== "deny");
    const shown = set.mayAllow(call({ args: undefined }));
    if (some) expect(shown, JSON.stringify(rules)).toBe(true);
    const open = rules.some(({ when }) => when !== undefined && /args|task\./.test(when));
    if (!open) expect(shown, JSON.stringify(rules)).toBe(some);
    if (!shown) hidden++;
  }
  expect(hidden).toBeGreaterThan(100);
});

test("what a rule is about decides on templates as far as all or none of what they name fits", () => {
  const reads = { method: "resources/read", tool: "", effect: "" };
  const open = { ...allow, match: { methods: ["resources/read"], resources: ["file:///open/*"] } };
  const closed = { id: "deny", effect: "deny", match: { methods: ["resources/read"], resources: ["file:///open/secret/*"] } };
  expect(may([open], reads, "file:///open/{name}")).toBe(true);
  expect(may([open], reads, "file:///{+path}")).toBe(true);
  expect(may([open], reads, "file:///closed/{name}")).toBe(false);
  expect(may([open, closed], reads, "file:///open/{+path}")).toBe(true);
  expect(may([open, closed], reads, "file:///open/secret/{name}")).toBe(false);
  expect(may([open], { ...reads, resourceUri: "file:///closed/a" })).toBe(false);
});

test("a pattern and a template meet exactly where some text fits both", () => {
  const random = seededRandom(5);
  const text = (letters: string) => Array.from({ length: random.int(0, 5) }, () => random.pick([...letters])).join("");
  const texts = ["", "a", "b", "aa", "ab", "ba", "bb"].flatMap((x) => ["", "a", "b", "ab", "ba"].flatMap((y) => ["", "a", "b", "aab"].map((z) => x + y + z)));
  let met = 0;
  for (let i = 0; i < 3000; i++) {
    const glob = text("ab**");
    const template = templateGlob(text("ab*").replaceAll("*", "{x}"));
    const patterns = compilePatterns([glob, "never"]);
    if (patterns === null || glob === "") continue;
    const both = texts.some((one) => globFits(template, one) && (patterns.exact.has(one) || patterns.globs.some((g) => globFits(g, one))));
    if (both) met++;
    if (both) expect(overlaps(patterns, template), `${glob} ${template.text}`).toBe(true);
    // Letters that stand apart at both ends can never meet.
    const [g, t] = [glob, template.text];
    if (g[0] !== "*" && t[0] !== "*" && g !== "" && t !== "" && g[0] !== t[0]) expect(overlaps(patterns, template), `${g} ${t}`).toBe(false);
  }
  expect(met).toBeGreaterThan(300);
  expect(overlaps(compilePatterns(["x*"])!, templateGlob(`${"x".repeat(3000)}{y}`))).toBe(true);
});

test("what is missing of a denied call is named: the rules that are about it, with their conditions", () => {
  const set = policySet({ ...allow, when: "args.limit <= 100" }, { id: "never", effect: "allow", when: 'agent == "other"' }, { id: "elsewhere", effect: "allow", match: { tools: ["other"] }, when: "args.x == 1" });
  expect(set.requirements(call(), 3)).toEqual([{ id: "allow", when: "args.limit <= 100" }]);
});
