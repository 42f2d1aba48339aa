import type { Decision, Effect, RiskTier } from "../../../collector/record/call-record.ts";
import { noHistory, type DecisionInput } from "../decision.ts";

/** One row of recorded-calls.sql: calls that the rules cannot tell apart. */
export interface RecordedCall {
  readonly agent: string;
  readonly principal: string;
  readonly task: string;
  readonly task_class: string;
  readonly server: string;
  readonly server_version: string;
  readonly method: string;
  readonly tool: string;
  readonly prompt: string;
  readonly resource_uri: string;
  readonly effect: string;
  readonly trusted: boolean;
  readonly risk_tier: string;
  readonly data_domains: readonly string[];
  readonly environment: string;
  readonly at_ms: string;
  readonly flow_score: number;
  /** A value among the arguments came out of an earlier result, or there were more arguments than a record holds. */
  readonly flowed: boolean;
  readonly policy_version: string;
  readonly policy_ids: readonly string[];
  readonly answer: Decision;
  readonly why: string;
  readonly calls: string;
  readonly example: string;
}

/** What a record says of a call, in the names of conditions. Of arguments it holds digests only. */
const recorded: ReadonlySet<string> = new Set([
  "agent",
  "principal",
  "method",
  "now",
  "task.id",
  "task.class",
  "server.name",
  "server.version",
  "server.riskTier",
  "server.dataDomains",
  "server.environment",
  "tool.name",
  "tool.effect",
  "tool.trusted",
  "flow.score",
]);

/**
 * Whether a fact of this call is in its record. Whether values came out of an untrusted result is not, but that they came
 * out of none at all is.
 */
export function isRecorded(fact: string, call: RecordedCall): boolean {
  return recorded.has(fact) || (fact === "flow.untrusted" && !call.flowed);
}

/** What the rules would be asked. Facts that are not recorded have neutral values and must not be read. */
export function inputOf(call: RecordedCall): DecisionInput {
  return {
    ...noHistory,
    agent: call.agent,
    principal: call.principal,
    taskId: call.task,
    taskClass: call.task_class,
    flowScore: call.flow_score,
    server: call.server,
    serverVersion: call.server_version,
    lifecycle: "",
    method: call.method,
    tool: call.tool,
    prompt: call.prompt,
    resourceUri: call.resource_uri,
    effect: call.effect as Effect | "",
    toolTrusted: call.trusted,
    toolListed: false,
    riskTier: call.risk_tier as RiskTier | "",
    dataDomains: call.data_domains,
    environment: call.environment,
    args: undefined,
    nowMs: Number(call.at_ms),
  };
}
