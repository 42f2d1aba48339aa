import { describe, expect, it } from "vitest";
import type { DecisionInput } from "../../../proxy/policy/decision.ts";
import { call, policySet } from "./rules.ts";

/** What came of it in a few words: decision, basis, reason, rules. */
function decided(rules: object[], input: DecisionInput = call()): string {
  const { decision, basis, reason, policyIds } = policySet(...rules).decide(input);
  return [decision, basis, reason, ...policyIds].join(" ");
}

const allow = (id: string, over: object = {}) => ({ id, effect: "allow", ...over });
const deny = (id: string, over: object = {}) => ({ id, effect: "deny", ...over });
const hold = (id: string, over: object = {}) => ({ id, effect: "hold", ...over });
const fails = { when: "args.missing == 1" };
const no = { when: 'agent == "nobody"' };
const yes = { when: 'agent == "build"' };

describe("of the rules that match", () => {
  const table: [string, object[], string][] = [
    ["none: denied by default", [], "deny default no_rule"],
    ["none, since a condition is false: denied by default", [allow("a", no)], "deny default no_rule"],
    ["one allows: allowed", [allow("a")], "allow explicit rule a"],
    ["one allows on a condition that holds: allowed", [allow("a", yes)], "allow explicit rule a"],
    ["all that allow are named, in file order", [allow("b"), deny("x", no), allow("a", yes)], "allow explicit rule b a"],
    ["one denies: denied, whatever allows and wherever it stands", [allow("a"), deny("d"), allow("b")], "deny explicit rule d"],
    ["all that deny are named, and no others", [deny("d"), allow("a"), deny("e")], "deny explicit rule d e"],
    ["one denies on a condition that does not hold: the rest decides", [allow("a"), deny("d", no)], "allow explicit rule a"],
    ["one holds: held, whatever allows", [allow("a"), hold("h")], "hold explicit rule h"],
    ["deny beats hold", [hold("h"), deny("d"), allow("a")], "deny explicit rule d"],
    ["an allow that cannot be evaluated denies", [allow("a", fails)], "deny explicit rule_error a"],
    ["an allow that cannot be evaluated denies although another allows", [allow("a"), allow("b", fails)], "deny explicit rule_error b"],
    ["a deny that cannot be evaluated denies", [allow("a"), deny("d", fails)], "deny explicit rule_error d"],
    ["a hold that cannot be evaluated denies", [allow("a"), hold("h", fails)], "deny explicit rule_error h"],
    ["an error beats a hold", [hold("h"), allow("a", fails)], "deny explicit rule_error a"],
    ["every rule that failed is named", [deny("d", fails), allow("a", fails)], "deny explicit rule_error d a"],
    ["a deny that holds is the reason, and not an error beside it", [deny("d"), deny("e", fails), allow("a", fails)], "deny explicit rule d"],
    ["a rule for another server is not even evaluated", [allow("a"), deny("d", { match: { servers: ["mail"] }, ...fails })], "allow explicit rule a"],
  ];
  it.each(table)("%s", (_name, rules, expected) => expect(decided(rules)).toBe(expected));
});

describe("a rule matches by", () => {
  const table: [string, object, Partial<DecisionInput>, boolean][] = [
    ["agent", { agents: ["build"] }, {}, true],
    ["agent, and not another", { agents: ["release"] }, {}, false],
    ["agent, by a glob", { agents: ["bu*"] }, {}, true],
    ["agent, by a glob that is the end", { agents: ["*ld"] }, {}, true],
    ["agent, by a glob in the middle", { agents: ["b*l*d"] }, {}, true],
    ["agent, by one of several", { agents: ["release", "x*", "build"] }, {}, true],
    ["any agent, by a star", { agents: ["*"] }, {}, true],
    ["any agent, by an empty list", { agents: [] }, {}, true],
    ["no agent whose name only begins so", { agents: ["bui"] }, {}, false],
    ["a glob whose ends would overlap: not", { agents: ["buil*ild"] }, {}, false],
    ["task class", { taskClasses: ["research"] }, {}, true],
    ["task class, and not another", { taskClasses: ["research"] }, { taskClass: "triage" }, false],
    ["server", { servers: ["files"] }, {}, true],
    ["server, and not another", { servers: ["files"] }, { server: "mail" }, false],
    ["tool", { tools: ["read_file"] }, {}, true],
    ["tool, by a glob, for a tool that no rule names", { tools: ["read_*"] }, { tool: "read_unheard_of" }, true],
    ["tool, and not for one that no rule names", { tools: ["read_file"] }, { tool: "unheard_of" }, false],
    ["method: tool calls where none is named", {}, { method: "prompts/get", tool: "" }, false],
    ["method: one that is named", { methods: ["prompts/get"] }, { method: "prompts/get", tool: "" }, true],
    ["method: by a glob", { methods: ["resources/*"] }, { method: "resources/read", tool: "" }, true],
    ["method: any, by a star", { methods: ["*"] }, { method: "odd/thing", tool: "" }, true],
    ["effect", { effects: ["read"] }, {}, true],
    ["effect, and not another", { effects: ["write", "destructive"] }, {}, false],
    ["effect, and not where there is none", { effects: ["read"] }, { effect: "" }, false],
    ["risk tier", { riskTiers: ["medium"] }, {}, true],
    ["risk tier, and not for a server without one", { riskTiers: ["medium"] }, { riskTier: "" }, false],
    ["data domain, by any that the server has", { dataDomains: ["personal"] }, {}, true],
    ["data domain, and not one that it lacks", { dataDomains: ["payments"] }, {}, false],
    ["environment", { environments: ["dev*"] }, {}, true],
    ["environment, and not another", { environments: ["production"] }, {}, false],
    ["prompt", { methods: ["prompts/get"], prompts: ["plan"] }, { method: "prompts/get", prompt: "plan" }, true],
    ["resource, by a glob", { methods: ["resources/read"], resources: ["file:///a/*"] }, { method: "resources/read", resourceUri: "file:///a/b/c" }, true],
    ["resource, and not another", { methods: ["resources/read"], resources: ["file:///a/*"] }, { method: "resources/read", resourceUri: "file:///b" }, false],
    ["all dimensions together", { agents: ["build"], servers: ["files"], tools: ["read_file"], effects: ["read"] }, {}, true],
    ["all dimensions but one: not", { agents: ["build"], servers: ["files"], tools: ["read_file"], effects: ["write"] }, {}, false],
  ];
  it.each(table)("%s", (_name, match, over, expected) => {
    expect(decided([allow("a", { match })], call(over))).toBe(expected ? "allow explicit rule a" : "deny default no_rule");
  });
});

describe("a condition sees", () => {
  const table: [string, string, Partial<DecisionInput>, string][] = [
    ["the agent and the principal", 'agent == "build" && principal == "ci"', {}, "allow"],
    ["the task", 'task.id == "t-1" && task.class == "research"', {}, "allow"],
    ["the server", 'server.name == "files" && server.riskTier == "medium" && "personal" in server.dataDomains && server.environment == "development"', {}, "allow"],
    ["the tool and the method", 'tool.name == "read_file" && tool.effect == "read" && method == "tools/call"', {}, "allow"],
    ["the arguments", 'args.path == "/data/a"', {}, "allow"],
    ["numbers in the arguments, whole or not", "args.n > 4 && args.n == 5 && args.m < 1", { args: { n: 5, m: 0.5 } }, "allow"],
    ["lists in the arguments", 'args.list.all(x, x.startsWith("a"))', { args: { list: ["ab", "ac"] } }, "allow"],
    ["the time of the call", "now.getHours() == 12 && now.getDayOfWeek() == 1", {}, "allow"],
    ["where the data is", 'args.path.isInside(dataDir) && dataDir == "/data"', {}, "allow"],
    ["no arguments as an empty map", "!has(args.path)", { args: undefined }, "allow"],
    ["whether an argument is there", "has(args.path) && has(args.other)", {}, "deny"],
    ["a missing argument as an error", 'args.other == "x"', {}, "deny rule_error"],
    ["an argument of another type as an error", 'args.path.startsWith("/")', { args: { path: 7 } }, "deny rule_error"],
    ["arguments that are no map as an error", 'args.path == "x"', { args: "text" }, "deny rule_error"],
    // A key of this name would make the evaluator take the arguments for something else.
    ["arguments with a key named constructor as an error", 'has(args.path)', { args: { path: "x", constructor: { name: "Object" } } }, "deny rule_error"],
    ["a key named __proto__ as nothing", "has(args.path)", { args: JSON.parse('{"__proto__":{"path":"x"}}') as unknown }, "deny"],
  ];
  it.each(table)("%s", (_name, when, over, expected) => {
    const { decision, reason } = policySet(allow("a", { when })).decide(call(over));
    expect(`${decision}${reason === "rule_error" ? " rule_error" : ""}`).toBe(expected);
  });

  it("the call that is being decided, and nothing of the one before", () => {
    const set = policySet(allow("a", { when: 'args.path == "/data/a"' }));
    expect(set.decide(call()).decision).toBe("allow");
    expect(set.decide(call({ args: { path: "/data/b" } })).decision).toBe("deny");
    expect(set.decide(call({ args: {} })).reason).toBe("rule_error");
    expect(set.decide(call()).decision).toBe("allow");
  });
});

describe("a condition sees each call afresh", () => {
  it("when the same object is filled again for the next call", () => {
    const set = policySet(allow("a", { when: 'args.path == "/data/a"' }));
    const input = { ...call() };
    expect(set.decide(input).decision).toBe("allow");
    input.args = { path: "/data/b" };
    expect(set.decide(input).decision).toBe("deny");
  });

  it("with its own time", () => {
    const set = policySet(allow("a", { when: "now.getHours() < 13" }));
    expect(set.decide(call()).decision).toBe("allow");
    expect(set.decide(call({ nowMs: Date.UTC(2026, 0, 5, 14) })).decision).toBe("deny");
  });
});

describe("the protocol's own methods", () => {
  const methods = [
    "initialize",
    "ping",
    "server/discover",
    "notifications/initialized",
    "notifications/cancelled",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "logging/setLevel",
    "completion/complete",
    "subscriptions/listen",
    "resources/subscribe",
    "resources/unsubscribe",
    "transport/get",
    "response",
  ];
  it.each(methods)("%s is allowed without a rule in a file", (method) => {
    expect(decided([], call({ method, tool: "", effect: "" }))).toBe("allow explicit rule builtin.protocol");
  });
  it.each(["tools/call", "prompts/get", "resources/read", "sampling/createMessage", "tools/listen", "x/lists"])("%s is not", (method) => {
    expect(decided([], call({ method }))).toBe("deny default no_rule");
  });
  it("may be denied by a rule in a file", () => {
    const rule = deny("quiet", { match: { servers: ["files"], methods: ["*/list"] } });
    expect(decided([rule], call({ method: "tools/list", tool: "" }))).toBe("deny explicit rule quiet");
    expect(decided([rule], call({ method: "ping", tool: "" }))).toBe("allow explicit rule builtin.protocol");
  });
});

describe("the caller is told", () => {
  const message = (rules: object[], input = call()) => policySet(...rules).decide(input).message;
  it("the rule's own message", () => expect(message([deny("d", { message: "Ask first." })])).toBe("Ask first."));
  it("the first message among the rules that decided", () => {
    expect(message([deny("d"), deny("e", { message: "Ask first." }), allow("a", { message: "Fine." })])).toBe("Ask first.");
  });
  it("the rule's name where it has no message", () => expect(message([hold("h")])).toContain("h"));
  it("that no rule allows it", () => expect(message([])).toBe("No rule allows this call."));
  it("which rule failed, and nothing of the arguments", () => {
    const text = message([allow("a", { when: "int(args.secret) == 1" })], call({ args: { secret: "hunter2" } }));
    expect(text).toContain("Rule a could not be evaluated");
    expect(text).not.toContain("hunter2");
  });
});

describe("a policy version", () => {
  it("is another one for other rules", () => expect(policySet(allow("a")).version).not.toBe(policySet(deny("a")).version));
  it("is the same for the same rules", () => expect(policySet(allow("a")).version).toBe(policySet(allow("a")).version));
  it("stands on every decision", () => {
    const set = policySet(allow("a", fails), deny("d", { match: { servers: ["mail"] } }));
    for (const input of [call(), call({ server: "mail" }), call({ method: "x" })]) expect(set.decide(input).policyVersion).toBe(set.version);
  });
});
