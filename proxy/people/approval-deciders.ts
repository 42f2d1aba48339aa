import { z } from "zod";
import { approvalSchema } from "../state/control-event.ts";
import type { ApprovalState, ControlState } from "../state/control-state.ts";
import type { Actor, Command, DecideContext, Decided, Deciders } from "../state/command.ts";
import { approvalStatus, findApproval } from "./approvals.ts";
import { isConcerned } from "./concerned.ts";
import { read, refused, withoutRole, type Refused } from "./refused.ts";

const DEFAULT_EXPIRY_MS = 3600_000;
const MAX_EXPIRY_MS = 7 * 86_400_000;
/** Requests that wait for a person at once: what one agent may put before people, and what people can be asked to look at. */
export const MAX_PENDING_PER_AGENT = 20;
export const MAX_PENDING = 500;
const MAX_MESSAGE = 500;

const requestSchema = z.strictObject({
  kind: z.literal("approval.request"),
  request: approvalSchema
    .omit({ approvalId: true, expiresMs: true, needed: true, message: true })
    .extend({ requestDigest: z.string().min(1).max(128), message: z.string().transform((text) => text.slice(0, MAX_MESSAGE)) }),
  expiresInMs: z.int().min(1000).max(MAX_EXPIRY_MS).default(DEFAULT_EXPIRY_MS),
});

const decideSchema = z.strictObject({
  kind: z.literal("approval.decide"),
  approvalId: z.string().min(1).max(64),
  verdict: z.enum(["approve", "deny"]),
  comment: z.string().max(500).default(""),
});

const useSchema = z.strictObject({
  kind: z.literal("approval.use"),
  approvalId: z.string().min(1).max(64),
  /** Of the call that is about to be forwarded, so that it is compared once more where it counts. */
  taskId: z.string().max(64),
  requestDigest: z.string().min(1).max(128),
  policyVersion: z.string(),
});

export const approvalDeciders: Deciders = {
  "approval.request": requestApproval,
  "approval.decide": decideApproval,
  "approval.use": useApproval,
};

/** The same call again asks for nothing new: it is told about the request that stands. */
function requestApproval(state: ControlState, command: Command, { nowMs, actor, newId }: DecideContext): Decided {
  const parsed = read(requestSchema, command);
  if (!parsed.ok) return parsed;
  const { request, expiresInMs } = parsed.data;
  if (!isCaller(request, actor)) return notTheCaller;
  const found = findApproval(state, request, nowMs);
  if (found.kind === "pending" || found.kind === "approved" || found.kind === "denied") {
    return { ok: true, events: [], result: { approvalId: found.approval.approval.approvalId, created: false } };
  }
  const full = withoutRoom(state, request.agent, nowMs);
  if (full) return full;
  const approvalId = newId("ap");
  const needed = request.effect === "destructive" ? 2 : 1;
  const approval = { ...request, approvalId, expiresMs: nowMs + expiresInMs, needed };
  return { ok: true, events: [{ kind: "approval.requested", approval }], result: { approvalId, created: true } };
}

function withoutRoom(state: ControlState, agent: string, nowMs: number): Refused | null {
  let all = 0;
  let own = 0;
  for (const waiting of state.approvals.values()) {
    if (approvalStatus(waiting, nowMs) !== "pending") continue;
    all++;
    if (waiting.approval.agent === agent) own++;
  }
  if (own >= MAX_PENDING_PER_AGENT) {
    return refused(429, "E_APPROVALS_FULL", `${own} calls of this agent wait for a person already, and no more can; have those decided first`);
  }
  if (all >= MAX_PENDING) return refused(429, "E_APPROVALS_FULL", `${all} calls wait for a person already, and no more can; try again later`);
  return null;
}

function decideApproval(state: ControlState, command: Command, { nowMs, actor }: DecideContext): Decided {
  const parsed = read(decideSchema, command);
  if (!parsed.ok) return parsed;
  const { approvalId, verdict, comment } = parsed.data;
  const unfit = withoutRole(actor, ["approver"]);
  if (unfit) return unfit;
  const found = state.approvals.get(approvalId);
  if (!found) return unknownApproval(approvalId);
  const over = notPending(found, nowMs);
  if (over) return over;
  if (verdict === "approve") {
    if (isConcerned(state, found.approval, actor)) return refused(403, "E_SELF_APPROVAL", "nobody approves a call of their own; ask somebody else");
    if (found.approvedBy.includes(actor.principal)) return refused(409, "E_APPROVED_TWICE", "you have approved this already; a second person has to agree");
  }
  const { needed } = found.approval;
  const agreed = found.approvedBy.length + 1;
  const status = verdict === "deny" ? "denied" : agreed >= needed ? "approved" : "pending";
  const missing = status === "pending" ? needed - agreed : 0;
  return { ok: true, events: [{ kind: "approval.decided", approvalId, verdict, comment }], result: { approvalId, status, missing } };
}

function notPending(found: ApprovalState, nowMs: number): Refused | null {
  const status = approvalStatus(found, nowMs);
  if (status === "pending") return null;
  return refused(409, "E_APPROVAL_OVER", status === "expired" ? "this request has expired, which denies it" : `this request is ${status} already`);
}

/** Said right before the call is forwarded, and true once: of two workers that ask, one is refused. */
function useApproval(state: ControlState, command: Command, { nowMs, actor }: DecideContext): Decided {
  const parsed = read(useSchema, command);
  if (!parsed.ok) return parsed;
  const { approvalId, taskId, requestDigest, policyVersion } = parsed.data;
  const found = state.approvals.get(approvalId);
  if (!found) return unknownApproval(approvalId);
  const { approval } = found;
  if (!isCaller(approval, actor)) return notTheCaller;
  if (approval.taskId !== taskId || approval.requestDigest !== requestDigest || approval.policyVersion !== policyVersion) {
    return refused(409, "E_APPROVAL_OTHER", "this approval is for another call, or for the rules as they were before");
  }
  const status = approvalStatus(found, nowMs);
  if (status !== "approved") return refused(409, "E_APPROVAL_UNUSABLE", `this approval is ${status}`);
  return { ok: true, events: [{ kind: "approval.used", approvalId }], result: { approvalId, approvedBy: found.approvedBy } };
}

const isCaller = (call: { agent: string; principal: string }, actor: Actor): boolean => call.agent === actor.agent && call.principal === actor.principal;
const notTheCaller = refused(403, "E_NOT_THE_CALLER", "an approval is asked for and used by the caller that it is for");
const unknownApproval = (id: string): Refused => refused(404, "E_APPROVAL_UNKNOWN", `there is no approval ${id}`);
