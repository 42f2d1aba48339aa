import { expect, it } from "vitest";
import { lifecycles, serverEntrySchema, type ServerEntry } from "../../../proxy/registry/server-entry.ts";
import { isCallable } from "../../../proxy/registry/callable.ts";
import { judge } from "../../../proxy/relay/judge.ts";
import { anyCall, anyRule, anyRules, forSeeds, shuffled } from "./random-rules.ts";
import { policySet } from "./rules.ts";

it("a deny does not disappear when an allow is added", () => {
  let denied = 0;
  forSeeds(800, (r) => {
    const rules = anyRules(r);
    const input = anyCall(r);
    const before = policySet(...rules).decide(input);
    if (before.decision !== "deny" || before.basis !== "explicit") return;
    denied++;
    const after = policySet(...rules, anyRule(r, "added", "allow")).decide(input);
    expect([after.decision, after.basis]).toEqual(["deny", "explicit"]);
    if (before.reason === "rule") expect(after.policyIds).toEqual(before.policyIds);
  });
  expect(denied).toBeGreaterThan(150);
});

it("a hold stays a hold and an allow an allow when another allow is added, unless that one cannot be evaluated", () => {
  let seen = 0;
  forSeeds(800, (r) => {
    const rules = anyRules(r);
    const input = anyCall(r);
    const before = policySet(...rules).decide(input);
    if (before.decision === "deny") return;
    seen++;
    const after = policySet(...rules, anyRule(r, "added", "allow")).decide(input);
    if (after.reason === "rule_error") expect(after.policyIds).toEqual(["added"]);
    else expect(after.decision).toBe(before.decision);
  });
  expect(seen).toBeGreaterThan(80);
});

it("the order of rules changes nothing but the order in which they are named", () => {
  forSeeds(800, (r) => {
    const rules = anyRules(r);
    const input = anyCall(r);
    const one = policySet(...rules).decide(input);
    const other = policySet(...shuffled(r, rules)).decide(input);
    const bare = ({ decision, basis, reason, policyIds }: typeof one) => ({ decision, basis, reason, policyIds: [...policyIds].sort() });
    expect(bare(other)).toEqual(bare(one));
  });
});

it("a set decides alike however often and after whatever other calls it is asked", () => {
  forSeeds(100, (r) => {
    const rules = anyRules(r);
    const set = policySet(...rules);
    const inputs = Array.from({ length: 10 }, () => anyCall(r));
    for (const input of [...inputs, ...shuffled(r, inputs)]) expect(set.decide(input)).toEqual(policySet(...rules).decide(input));
  });
});

it("no set of rules makes a server reachable that the registry does not have, has retired, only proposes or keeps for other places and tasks", () => {
  let reached = 0;
  forSeeds(2500, (r) => {
    // Mostly open rules: the less they stand in the way, the harder the registry is tested.
    const policies = policySet(...anyRules(r), { id: "open", effect: "allow", match: { methods: ["*"] } });
    const entry: ServerEntry = serverEntrySchema.parse({
      name: r.pick(["files", "mail"]),
      lifecycle: r.pick(lifecycles),
      mode: r.pick(["enforce", "observe"]),
      environments: r.pick([["development"], ["production"], ["development", "production"]]),
      taskClasses: r.pick([[], ["research"], ["release"]]),
      endpoint: { transport: "stdio", command: "x" },
      tools: { read_file: { effect: "read" } },
    });
    const input = anyCall(r);
    const servers = r.pick([null, ["files"], []]);
    const identity = { agent: input.agent, principal: "ci", delegation: [], credentialId: "k", taskId: "t", taskClass: input.taskClass, ...(servers ? { servers } : {}) };
    const { enforced, result } = judge({ policies }, entry, identity, input, "development", input.nowMs, input);
    const open =
      (entry.lifecycle === "approved" || entry.lifecycle === "deprecated") &&
      entry.environments.includes("development") &&
      (entry.taskClasses.length === 0 || entry.taskClasses.includes(identity.taskClass)) &&
      (!servers || (servers as string[]).includes(entry.name));
    if (!open) expect({ enforced, basis: result.basis, rules: result.policyIds }).toEqual({ enforced: "deny", basis: "default", rules: [] });
    if (enforced === "allow") reached++;
  });
  expect(reached).toBeGreaterThan(100);
  expect(isCallable(undefined, { taskClass: "research", environment: "development" })).toEqual({ ok: false, reason: "unknown_server" });
});
