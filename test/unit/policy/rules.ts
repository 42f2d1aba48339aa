import { compileRules } from "../../../proxy/policy/compile.ts";
import { noHistory, type DecisionInput, type PolicySet } from "../../../proxy/policy/decision.ts";
import { createPolicySet } from "../../../proxy/policy/policy-set.ts";
import { ruleSchema } from "../../../proxy/policy/rule.ts";

/** A set of rules as a file would hold them. */
export function policySet(...rules: object[]): PolicySet {
  const parsed = rules.map((rule) => ruleSchema.parse(rule));
  const onFault = (_index: number, error: unknown): never => {
    throw error;
  };
  return createPolicySet(compileRules(parsed, { dataDir: "/data", onFault }));
}

/** A call of the tool files/read_file by the agent build, but for what is given. */
export function call(over: Partial<DecisionInput> = {}): DecisionInput {
  return {
    agent: "build",
    principal: "ci",
    taskId: "t-1",
    taskClass: "research",
    ...noHistory,
    server: "files",
    serverVersion: "1",
    lifecycle: "approved",
    method: "tools/call",
    tool: "read_file",
    prompt: "",
    resourceUri: "",
    effect: "read",
    toolTrusted: false,
    toolListed: true,
    riskTier: "medium",
    dataDomains: ["files", "personal"],
    environment: "development",
    args: { path: "/data/a" },
    nowMs: Date.UTC(2026, 0, 5, 12),
    ...over,
  };
}
