import { describe, expect, it } from "vitest";
import type { DecisionInput } from "../../../proxy/policy/decision.ts";
import { call, policySet } from "./rules.ts";

/**
 * Each effect on each kind of thing that a rule may ask for: what it says where that is so, where it is not, and where it
 * cannot be told. Beside each rule another one allows everything, so that a rule that says nothing shows as an allow.
 */
interface Kind {
  readonly name: string;
  readonly rule: { readonly match?: object; readonly when?: string };
  readonly fits: Partial<DecisionInput>;
  readonly fitsNot: Partial<DecisionInput>;
  /** Absent for what can always be told. */
  readonly fails?: Partial<DecisionInput>;
}

const kinds: readonly Kind[] = [
  { name: "agent", rule: { match: { agents: ["bot-*"] } }, fits: { agent: "bot-1" }, fitsNot: { agent: "build" } },
  { name: "task class", rule: { match: { taskClasses: ["triage"] } }, fits: { taskClass: "triage" }, fitsNot: { taskClass: "" } },
  { name: "server and tool", rule: { match: { servers: ["mail"], tools: ["send"] } }, fits: { server: "mail", tool: "send" }, fitsNot: { server: "mail", tool: "read" } },
  { name: "effect", rule: { match: { effects: ["write", "destructive"] } }, fits: { effect: "write" }, fitsNot: { effect: "read" } },
  { name: "risk tier", rule: { match: { riskTiers: ["high"] } }, fits: { riskTier: "high" }, fitsNot: { riskTier: "" } },
  { name: "data domain", rule: { match: { dataDomains: ["personal"] } }, fits: { dataDomains: ["a", "personal"] }, fitsNot: { dataDomains: ["a"] } },
  { name: "environment", rule: { match: { environments: ["production"] } }, fits: { environment: "production" }, fitsNot: { environment: "development" } },
  { name: "prompt", rule: { match: { methods: ["prompts/get"], prompts: ["p"] } }, fits: { method: "prompts/get", prompt: "p" }, fitsNot: { method: "prompts/get", prompt: "q" } },
  { name: "resource", rule: { match: { methods: ["resources/read"], resources: ["file:///a/*"] } }, fits: { method: "resources/read", resourceUri: "file:///a/b" }, fitsNot: { method: "resources/read", resourceUri: "file:///b" } },
  { name: "an argument", rule: { when: "args.limit > 5" }, fits: { args: { limit: 6 } }, fitsNot: { args: { limit: 5 } }, fails: { args: { limit: "6" } } },
  { name: "an argument that is absent", rule: { when: 'args.path == "x"' }, fits: { args: { path: "x" } }, fitsNot: { args: { path: "y" } }, fails: { args: {} } },
  { name: "an argument inside another", rule: { when: 'args.to.all(a, a.endsWith("@x.org"))' }, fits: { args: { to: ["a@x.org"] } }, fitsNot: { args: { to: ["a@y.org"] } }, fails: { args: { to: 5 } } },
  { name: "what the task has read", rule: { when: 'task.tainted && "mail" in task.readDomains' }, fits: { tainted: true, readDomains: ["mail"] }, fitsNot: { tainted: true } },
  { name: "how bad what it read was", rule: { when: "task.taintScore >= 0.5" }, fits: { taintScore: 0.5 }, fitsNot: { taintScore: 0.49 } },
  { name: "where an argument came from", rule: { when: "flow.untrusted && flow.score >= 0.5" }, fits: { flowUntrusted: true, flowScore: 1 }, fitsNot: { flowUntrusted: true } },
  { name: "how much the task did", rule: { when: "task.calls >= 3 && task.writes > 0" }, fits: { callsInTask: 3, writesInTask: 1 }, fitsNot: { callsInTask: 2, writesInTask: 1 } },
  { name: "whose task it is", rule: { when: 'task.owner == "ana" && task.id != ""' }, fits: { taskOwner: "ana" }, fitsNot: { taskOwner: "ben" } },
  { name: "the tool's facts", rule: { when: "!tool.trusted && tool.listed" }, fits: { toolTrusted: false, toolListed: true }, fitsNot: { toolTrusted: true } },
  { name: "the server's facts", rule: { when: 'server.lifecycle == "deprecated" && server.version.startsWith("1.")' }, fits: { lifecycle: "deprecated", serverVersion: "1.2" }, fitsNot: { serverVersion: "1.2" } },
  { name: "the hour", rule: { when: "now.getHours() < 6" }, fits: { nowMs: Date.UTC(2026, 0, 5, 5, 59) }, fitsNot: { nowMs: Date.UTC(2026, 0, 5, 6) } },
  { name: "the day of the week", rule: { when: "now.getDayOfWeek() in [0, 6]" }, fits: { nowMs: Date.UTC(2026, 0, 4) }, fitsNot: { nowMs: Date.UTC(2026, 0, 5) } },
];

for (const effect of ["allow", "deny", "hold"] as const) {
  describe(`a rule with the effect ${effect}, by`, () => {
    const decide = (kind: Kind, over: Partial<DecisionInput>, rest: object[]) => policySet({ id: "asked", effect, ...kind.rule }, ...rest).decide(call(over));
    const everything = { id: "rest", effect: "allow", match: { methods: ["*"] } };

    it.each(kinds)("$name: decides where it fits", (kind) => {
      const { decision, basis, reason, policyIds } = decide(kind, kind.fits, []);
      expect([decision, basis, reason, policyIds]).toEqual([effect, "explicit", "rule", ["asked"]]);
      expect(decide(kind, kind.fits, [everything]).decision).toBe(effect);
    });
    it.each(kinds)("$name: says nothing where it does not fit", (kind) => {
      expect(decide(kind, kind.fitsNot, [])).toMatchObject({ decision: "deny", basis: "default", reason: "no_rule", policyIds: [] });
      expect(decide(kind, kind.fitsNot, [everything])).toMatchObject({ decision: "allow", policyIds: ["rest"] });
    });
    it.each(kinds.filter((kind) => kind.fails))("$name: denies by an error where it cannot be told", (kind) => {
      for (const rest of [[], [everything]]) {
        expect(decide(kind, kind.fails!, rest)).toMatchObject({ decision: "deny", basis: "explicit", reason: "rule_error", policyIds: ["asked"] });
      }
    });
  });
}
