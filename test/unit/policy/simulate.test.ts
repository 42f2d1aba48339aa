import { expect, it } from "vitest";
import { compileRules, type CompiledRules } from "../../../proxy/policy/compile.ts";
import type { DecisionInput } from "../../../proxy/policy/decision.ts";
import { createPolicySet } from "../../../proxy/policy/policy-set.ts";
import { ruleSchema } from "../../../proxy/policy/rule.ts";
import type { RecordedCall } from "../../../proxy/policy/simulate/recorded-call.ts";
import { createReplay } from "../../../proxy/policy/simulate/replay.ts";
import { createTally } from "../../../proxy/policy/simulate/simulate.ts";
import { anyCall, anyRule, anyRules, forSeeds } from "./random-rules.ts";
import { call } from "./rules.ts";

function compiled(...rules: object[]): CompiledRules {
  const onFault = (_: number, error: unknown): never => {
    throw error;
  };
  return compileRules(rules.map((rule) => ruleSchema.parse(rule)), { dataDir: "/data", onFault });
}

/** The row that a call leaves behind when these rules decide it. */
function record(rules: CompiledRules, input: DecisionInput, over: Partial<RecordedCall> = {}): RecordedCall {
  const { decision, reason, policyIds } = createPolicySet(rules).decide(input);
  return {
    agent: input.agent,
    principal: input.principal,
    task: input.taskId,
    task_class: input.taskClass,
    server: input.server,
    server_version: input.serverVersion,
    method: input.method,
    tool: input.tool,
    prompt: input.prompt,
    resource_uri: input.resourceUri,
    effect: input.effect,
    trusted: input.toolTrusted,
    risk_tier: input.riskTier,
    data_domains: input.dataDomains,
    environment: input.environment,
    at_ms: String(input.nowMs),
    flow_score: input.flowScore,
    flowed: input.flowUntrusted,
    policy_version: rules.version,
    policy_ids: policyIds,
    answer: decision,
    why: reason,
    calls: "1",
    example: "p1-1",
    ...over,
  };
}

const replayed = (before: CompiledRules, after: CompiledRules, row: RecordedCall) => createReplay(after, before, "/data").decide(row);

it("what the replay says of a call is what the proposed rules answer when they see all of it", () => {
  let certain = 0;
  let changed = 0;
  forSeeds(1000, (r) => {
    const rules = anyRules(r);
    const before = compiled(...rules);
    // Some rules stay as they are, some go, and some come.
    const after = compiled(...rules.filter(() => r.next() < 0.7), anyRule(r, "new"));
    const input = anyCall(r);
    const { wouldBe } = replayed(before, after, record(before, input));
    if (wouldBe === "unknown") return;
    certain++;
    const { decision } = createPolicySet(after).decide(input);
    expect(wouldBe).toBe(decision);
    if (decision !== createPolicySet(before).decide(input).decision) changed++;
  });
  expect([certain > 450, changed > 60]).toEqual([true, true]);
});

it("the rules in force, proposed again, would change no call and leave none unknown", () => {
  forSeeds(400, (r) => {
    const rules = compiled(...anyRules(r));
    const row = record(rules, anyCall(r));
    expect(replayed(rules, rules, row).wouldBe).toBe(row.answer);
  });
});

const bySize = { id: "size", effect: "deny", when: "args.limit > 5" };
const open = { id: "open", effect: "allow" };

it("a condition on arguments is unknown, and the rule that it depends on is named", () => {
  const before = compiled(open);
  const row = record(before, call());
  expect(replayed(before, compiled(open, bySize), row)).toEqual({ wouldBe: "unknown", rules: ["size"] });
});

it("what is unknown is not asked where something else settles it", () => {
  const before = compiled(open);
  const row = record(before, call());
  const settled: [object[], string][] = [
    [[open, { ...bySize, when: 'agent == "nobody" && args.limit > 5' }], "allow"],
    [[open, { ...bySize, when: 'args.limit > 5 && agent == "nobody"' }], "allow"],
    [[open, { ...bySize, when: 'agent == "build" || args.limit > 5' }], "deny"],
    [[open, { ...bySize, match: { agents: ["nobody"] } }], "allow"],
    [[bySize], "deny"],
    [[open, bySize, { id: "shut", effect: "deny" }], "deny"],
    [[open, { ...bySize, when: "flow.untrusted && flow.score >= 0.5" }], "allow"],
  ];
  for (const [rules, expected] of settled) expect(replayed(before, compiled(...rules), row).wouldBe).toBe(expected);
});

it("where the same rules decided a call, its record tells what came of a rule that stays as it is", () => {
  const before = compiled(open, bySize);
  const small = record(before, call({ args: { limit: 1 } }));
  const after = compiled(open, bySize, { id: "nights", effect: "hold", when: "now.getHours() < 6" });
  expect(replayed(before, after, small).wouldBe).toBe("allow");
  expect(replayed(before, after, record(before, call({ args: { limit: 9 } }))).wouldBe).toBe("deny");
  // Another version decided it, or the rule is another one: then it is not known.
  expect(replayed(before, after, { ...small, policy_version: "older" }).wouldBe).toBe("unknown");
  expect(replayed(before, compiled(open, { ...bySize, when: "args.limit > 6" }), small).wouldBe).toBe("unknown");
});

it("changes are counted by agent, tool and task class, with an example of the largest group", () => {
  const before = compiled(open);
  const after = compiled({ ...open, match: { agents: ["build", "odd"] } }, { ...bySize, match: { agents: ["odd"] } });
  const tally = createTally(createReplay(after, before, "/data"));
  const rows: Partial<RecordedCall>[] = [
    { calls: "10" },
    { agent: "old", calls: "7", example: "p1-7" },
    { agent: "old", calls: "2", example: "p1-9", principal: "other" },
    { agent: "old", tool: "", method: "prompts/get", calls: "1", answer: "deny" },
    { agent: "odd", calls: "3" },
  ];
  for (const row of rows) tally.add(record(before, call(), row));
  expect(tally.result()).toEqual({
    calls: 23,
    unchanged: 11,
    changed: 9,
    unknown: 3,
    unknownByRule: [{ rule: "size", calls: 3 }],
    changes: [{ agent: "old", server: "files", tool: "read_file", taskClass: "research", was: "allow", wouldBe: "deny", rules: [], calls: 9, example: "p1-7" }],
  });
});
