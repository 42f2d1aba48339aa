import type { Decision } from "../../collector/record/call-record.ts";
import type { ControlPlane } from "../control-plane.ts";
import type { Identity } from "../identity/identity.ts";
import type { DecisionResult } from "../policy/decision.ts";
import { isCallable, toolFacts } from "../registry/callable.ts";
import type { ServerEntry } from "../registry/server-entry.ts";

/** A decision and what is done about it. */
export interface Ruling {
  readonly result: DecisionResult;
  readonly enforced: Decision;
  /** What enforcement would have done, when the server is only observed. */
  readonly wouldBe: Decision | "";
}

export interface Asked {
  readonly method: string;
  readonly tool: string;
  readonly prompt: string;
  readonly resourceUri: string;
  readonly args: unknown;
}

const whyNotCallable: Readonly<Record<string, string>> = {
  server_not_approved: "This server is not approved for use here.",
  server_retired: "This server is retired.",
  task_class_not_approved: "This server is not approved for this kind of task.",
  out_of_scope: "This key is not for this server.",
};

/**
 * Pure. The registry is asked before the rules, and holds even for a server that is only observed: its lifecycle is a
 * fact about the server, and not a rule that is being tried out.
 */
export function judge(
  plane: Pick<ControlPlane, "policies">,
  entry: ServerEntry,
  identity: Identity,
  asked: Asked,
  environment: string,
  nowMs: number,
): Ruling {
  const callable = isCallable(entry, { taskClass: identity.taskClass, environment, servers: identity.servers });
  if (!callable.ok) {
    const result: DecisionResult = {
      decision: "deny",
      basis: "default",
      policyIds: [],
      policyVersion: plane.policies.version,
      reason: callable.reason,
      message: whyNotCallable[callable.reason] ?? "This server may not be called.",
    };
    return { result, enforced: "deny", wouldBe: "" };
  }
  const result = plane.policies.decide({
    agent: identity.agent,
    principal: identity.principal,
    taskId: identity.taskId,
    taskClass: identity.taskClass,
    server: entry.name,
    method: asked.method,
    tool: asked.tool,
    prompt: asked.prompt,
    resourceUri: asked.resourceUri,
    effect: asked.tool === "" ? "" : toolFacts(entry, asked.tool).effect,
    riskTier: entry.riskTier ?? "",
    dataDomains: entry.dataDomains,
    environment,
    args: asked.args,
    nowMs,
  });
  if (entry.mode === "observe") return { result, enforced: "allow", wouldBe: result.decision };
  return { result, enforced: result.decision, wouldBe: "" };
}
