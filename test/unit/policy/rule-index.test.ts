import { expect, it } from "vitest";
import { compileRules } from "../../../proxy/policy/compile.ts";
import { fitsIn } from "../../../proxy/policy/matcher.ts";
import { createRuleIndex } from "../../../proxy/policy/rule-index.ts";
import { dimensions, ruleSchema } from "../../../proxy/policy/rule.ts";
import { call } from "./rules.ts";

const values = {
  agents: ["build", "release", "b*", "*e"],
  servers: ["files", "mail", "f*", "*"],
  tools: ["read_file", "write_file", "read_*", "*_file"],
  methods: ["tools/call", "prompts/get", "*/list", "*"],
};

/** Every rule that one entry or none in each dimension can make: more than a hand would write. */
function* everyRule() {
  let n = 0;
  for (const agent of [undefined, ...values.agents]) {
    for (const server of [undefined, ...values.servers]) {
      for (const tool of [undefined, ...values.tools]) {
        for (const method of [undefined, ...values.methods]) {
          const match = {
            ...(agent && { agents: [agent] }),
            ...(server && { servers: [server] }),
            ...(tool && { tools: [tool] }),
            ...(method && { methods: [method] }),
          };
          yield ruleSchema.parse({ id: `r${n++}`, effect: "allow", match });
        }
      }
    }
  }
}

it("the index finds exactly the rules that match, for names that rules spell out and for others", () => {
  const { rules } = compileRules([...everyRule()], { dataDir: "/data", onFault: () => undefined });
  const index = createRuleIndex(rules);
  for (const agent of ["build", "bake", "triage"]) {
    for (const server of ["files", "forms", "tickets"]) {
      for (const tool of ["read_file", "read_all", "drop", "", "\0other"]) {
        for (const method of ["tools/call", "tools/list", "odd", "\0other"]) {
          const input = call({ agent, server, tool, method });
          const found = index
            .find(input)
            .allow.filter((c) => c.remaining.every(([d, p]) => fitsIn(d, p, input)))
            .map((c) => c.rule.rule.id);
          const expected = rules
            .filter((rule) => dimensions.every((d) => rule.matcher[d] === null || fitsIn(d, rule.matcher[d], input)))
            .map((rule) => rule.rule.id);
          expect(found, `${agent} ${server} ${tool} ${method}`).toEqual(expected);
        }
      }
    }
  }
});

it("the index does not grow with the names that callers invent", () => {
  const { rules } = compileRules([...everyRule()].slice(0, 50), { dataDir: "/data", onFault: () => undefined });
  const index = createRuleIndex(rules);
  const first = index.find(call({ tool: "invented-0" }));
  for (let i = 1; i < 100; i++) expect(index.find(call({ tool: `invented-${i}` }))).toBe(first);
});
