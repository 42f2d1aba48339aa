import { taskKey } from "../handling/flow/index.ts";
import type { Identity } from "../identity/identity.ts";
import { findApproval, holdStep, type HeldCall } from "../people/approvals.ts";
import { toolFacts } from "../registry/callable.ts";
import { chooseVersion } from "../registry/rollout.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import type { Actor } from "../state/command.ts";
import { callDigest } from "./call-digest.ts";
import type { Exchange } from "./exchange.ts";
import { judge, type Ruling } from "./judge.ts";
import { answerFromKept } from "./kept-answer.ts";
import { scopeRefusal } from "./token-refusal.ts";
import { paramFault } from "./param-check.ts";

/**
 * Decides about a message that was admitted, with everything that is known at this moment. True when it is to be forwarded;
 * false when it has been answered. A promise where it is answered, or somebody has to be asked.
 */
export function govern(exchange: Exchange, entry: ServerEntry, identity: Identity): boolean | Promise<boolean> {
  const { call, context } = exchange;
  const { control, activity, clock, config } = context;
  const { tool, prompt, resourceUri, method } = call;
  const nowMs = clock.nowMs();
  const args = call.message?.params?.arguments;
  const key = taskKey(identity);
  const flow = activity.flowOf(key, args, nowMs);
  call.arguments = flow.leaves;
  call.serverVersion = chooseVersion(entry, { agent: identity.agent, key: identity.taskId || identity.agent }).version;
  const mismatch = paramFault(exchange, entry, control.state);
  if (mismatch !== null) return exchange.refuse(mismatch).then(isAnswered);

  const { flowUntrusted, flowScore } = flow;
  const history = { ...activity.facts(key, nowMs), taskOwner: identity.taskOwner ?? "", flowUntrusted, flowScore };
  const moment = { state: control.state, serverVersion: call.serverVersion };
  const ruling = judge(context.controlPlane(), entry, identity, { method, tool, prompt, resourceUri, heardOf: call.heardOf, args }, config.environment, nowMs, history, moment);
  ruleOn(exchange, ruling);
  // A result that was kept back answers the same call: it is not made twice, and an approval that it had is not asked for again.
  const kept = ruling.enforced === "deny" ? null : (context.handling?.answerKept?.(call) ?? null);
  if (kept !== null) {
    if (ruling.enforced === "hold") ruleOn(exchange, { ...ruling, enforced: "allow" });
    return answerFromKept(exchange, kept).then(isAnswered);
  }
  // Asked behind the rules: to get more scopes for what would be denied all the same is in vain.
  const missing = ruling.enforced === "deny" ? null : scopeRefusal(context.resourceServer, identity, entry, call.tool);
  if (missing !== null) {
    ruleOn(exchange, { ...ruling, enforced: "deny", result: { ...ruling.result, decision: "deny", reason: "insufficient_scope", message: missing.message } });
    return exchange.refuse(missing).then(isAnswered);
  }
  // Only a request can be answered with where it stands.
  if (ruling.enforced === "hold" && call.message?.kind === "request") return hold(exchange, entry, identity, ruling, nowMs);
  if (ruling.enforced !== "allow") return exchange.rule(ruling).then(isAnswered);
  return withinLimits(exchange, entry, identity, ruling, nowMs);
}

const isAnswered = (): boolean => false;

/** Asked last: only what is forwarded counts. */
function withinLimits(exchange: Exchange, entry: ServerEntry, identity: Identity, ruling: Ruling, nowMs: number): boolean | Promise<boolean> {
  const { call, context } = exchange;
  const { agent, taskId, taskClass, budget } = identity;
  const effect = call.tool === "" ? "" : toolFacts(entry, call.tool).effect;
  const entered = context.enter({ agent, taskId, taskClass, server: entry.name, tool: call.tool, effect, budget }, nowMs);
  if (!entered.ok) return deny(exchange, ruling, entered.reason, entered.message);
  exchange.leaveLimits = entered.leave;
  return true;
}

function ruleOn({ call }: Exchange, ruling: Ruling): void {
  call.ruling = ruling;
  call.policyVersion = ruling.result.policyVersion;
  call.decided();
}

/** A call that a person has to agree to: forwarded once when somebody did, told about where it stands until then. */
async function hold(exchange: Exchange, entry: ServerEntry, identity: Identity, ruling: Ruling, nowMs: number): Promise<boolean> {
  const { call, context } = exchange;
  const { control } = context;
  const definitionHash = control.state.tools.get(entry.name)?.get(call.tool)?.hash ?? "";
  const { agent, principal, taskId } = identity;
  const digest = callDigest(call, control.state, context.digester);
  const held: HeldCall = { agent, principal, taskId, requestDigest: digest, policyVersion: ruling.result.policyVersion };
  const actor: Actor = { agent, principal, roles: identity.roles ?? ["agent"] };

  const found = findApproval(control.state, held, nowMs);
  const step = holdStep(found);
  if (found.kind !== "none") call.approvalId = found.approval.approval.approvalId;
  if (step === "refuse") return deny(exchange, ruling, "approval_denied", "A person decided against this call.");
  if (step === "use") {
    const { policyVersion } = held;
    const used = await control.submit({ kind: "approval.use", approvalId: call.approvalId, taskId, requestDigest: digest, policyVersion }, actor);
    if (!used.ok) return deny(exchange, ruling, "approval_required", used.message);
    const approved: Ruling = { ...ruling, enforced: "allow" };
    ruleOn(exchange, approved);
    return withinLimits(exchange, entry, identity, approved, nowMs);
  }
  if (step === "request") {
    const effect = call.tool === "" ? "" : toolFacts(entry, call.tool).effect;
    const { result } = ruling;
    const { serverVersion, tool } = call;
    const riskTier = entry.riskTier ?? "";
    const policyIds = [...result.policyIds];
    const request = { ...held, server: entry.name, serverVersion, tool, effect, riskTier, definitionHash, policyIds, message: result.message };
    const asked = await control.submit({ kind: "approval.request", request }, actor);
    if (!asked.ok) return deny(exchange, ruling, "approval_required", asked.message);
    const { approvalId, created } = asked.result as { approvalId: string; created: boolean };
    call.approvalId = approvalId;
    if (created) await context.heldArguments.put(approvalId, call.message?.params ?? null);
  }
  const approval = control.state.approvals.get(call.approvalId);
  if (!approval) return deny(exchange, ruling, "approval_required", "This call has to be approved by a person, and the request could not be found again.");
  await exchange.hold(ruling, approval);
  return false;
}

async function deny(exchange: Exchange, ruling: Ruling, reason: Ruling["result"]["reason"], message: string): Promise<false> {
  const denied: Ruling = { ...ruling, enforced: "deny", result: { ...ruling.result, decision: "deny", reason, message } };
  ruleOn(exchange, denied);
  await exchange.rule(denied);
  return false;
}
