import { z } from "zod";
import type { DecisionResult, ReasonCode } from "../policy/decision.ts";
import { scopeSchema, type Scope } from "../state/control-event.ts";
import type { ControlState, ExceptionState } from "../state/control-state.ts";
import type { Actor, Command, DecideContext, Decided, Deciders } from "../state/command.ts";
import { isConcerned, type Concerned } from "./concerned.ts";
import { read, refused, withoutRole } from "./refused.ts";

const HOUR_MS = 3600_000;
const MAX_MS = 30 * 24 * HOUR_MS;
const MAX_BREAK_GLASS_MS = HOUR_MS;
const MIN_BREAK_GLASS_REASON = 20;

export interface ExceptedCall extends Concerned {
  readonly server: string;
  readonly tool: string;
}

export const exceptionStatus = (state: ExceptionState, nowMs: number): "active" | "revoked" | "expired" =>
  state.revokedMs !== null ? "revoked" : state.exception.expiresMs <= nowMs ? "expired" : "active";

/**
 * Pure. The exception that covers a call, if one does: an ordinary one before break-glass, then the narrowest, then the
 * oldest. An ordinary exception never covers a call of the person who granted it.
 */
export function findException(state: ControlState, call: ExceptedCall, nowMs: number): ExceptionState | null {
  let best: ExceptionState | null = null;
  for (const candidate of state.exceptions.values()) {
    const { exception } = candidate;
    if (candidate.revokedMs !== null || exception.expiresMs <= nowMs || !covers(exception.scope, call)) continue;
    if (!exception.breakGlass && (exception.approvedBy === call.agent || exception.approvedBy === call.principal)) continue;
    if (best === null || rank(candidate) > rank(best)) best = candidate;
  }
  return best;
}

const members = ["agent", "server", "tool", "taskId"] as const;
const covers = (scope: Scope, call: ExceptedCall): boolean => members.every((m) => scope[m] === undefined || scope[m] === call[m]);
const rank = ({ exception: { breakGlass, scope } }: ExceptionState): number => (breakGlass ? 0 : 10) + members.filter((m) => scope[m] !== undefined).length;

/** The answers of policy itself. Whatever else stands against a call (registry, task, stop, limit) is not policy's to except. */
const excepted: ReadonlySet<ReasonCode> = new Set<ReasonCode>(["rule", "no_rule", "rule_error", "approval_required"]);

/** Pure. Turns policy's deny or hold into an allow that says on what it rests; anything else stays as it is. */
export function withException(result: DecisionResult, exception: ExceptionState | null): DecisionResult {
  if (exception === null || result.decision === "allow" || !excepted.has(result.reason)) return result;
  return { ...result, decision: "allow", basis: "exception", reason: "exception", message: "" };
}

const grantSchema = z.strictObject({
  kind: z.literal("exception.grant"),
  scope: scopeSchema,
  reason: z.string().trim().min(1).max(500),
  breakGlass: z.boolean().default(false),
  expiresInMs: z.int().min(1000),
});

const revokeSchema = z.strictObject({ kind: z.literal("exception.revoke"), exceptionId: z.string().min(1).max(64), reason: z.string().max(500).default("") });

export const exceptionDeciders: Deciders = { "exception.grant": grant, "exception.revoke": revoke };

function grant(state: ControlState, command: Command, { nowMs, actor, newId }: DecideContext): Decided {
  const parsed = read(grantSchema, command);
  if (!parsed.ok) return parsed;
  const { scope, reason, breakGlass, expiresInMs } = parsed.data;
  const unfit = withoutRole(actor, ["operator", "approver"]) ?? tooWide(scope, breakGlass) ?? tooLong(reason, breakGlass, expiresInMs);
  if (unfit) return unfit;
  if (!breakGlass && isForOneself(state, scope, actor)) {
    return refused(403, "E_SELF_EXCEPTION", "nobody grants themselves an exception; ask somebody else, or break the glass and say why");
  }
  const exceptionId = newId("ex");
  const exception = { exceptionId, scope, reason, breakGlass, approvedBy: actor.principal, expiresMs: nowMs + expiresInMs };
  return { ok: true, events: [{ kind: "exception.granted", exception }], result: { exceptionId, expiresMs: exception.expiresMs } };
}

function tooWide(scope: Scope, breakGlass: boolean) {
  if (scope.agent === undefined && scope.taskId === undefined) return refused(400, "E_EXCEPTION_SCOPE", "an exception is for one agent or one task: name it");
  if (scope.server === undefined && !breakGlass) return refused(400, "E_EXCEPTION_SCOPE", "an exception is for one server: name it");
  return null;
}

function tooLong(reason: string, breakGlass: boolean, expiresInMs: number) {
  if (!breakGlass) return expiresInMs <= MAX_MS ? null : refused(400, "E_EXCEPTION_LONG", "an exception lasts at most 30 days");
  if (expiresInMs > MAX_BREAK_GLASS_MS) return refused(400, "E_EXCEPTION_LONG", "breaking the glass lasts at most an hour");
  if (reason.length < MIN_BREAK_GLASS_REASON) return refused(400, "E_EXCEPTION_REASON", `breaking the glass needs a reason of at least ${MIN_BREAK_GLASS_REASON} characters`);
  return null;
}

function isForOneself(state: ControlState, scope: Scope, actor: Actor): boolean {
  const agent = scope.agent ?? "";
  return isConcerned(state, { agent, principal: agent, taskId: scope.taskId ?? "" }, actor);
}

function revoke(state: ControlState, command: Command, { nowMs, actor }: DecideContext): Decided {
  const parsed = read(revokeSchema, command);
  if (!parsed.ok) return parsed;
  const { exceptionId, reason } = parsed.data;
  const unfit = withoutRole(actor, ["operator", "approver"]);
  if (unfit) return unfit;
  const found = state.exceptions.get(exceptionId);
  if (!found) return refused(404, "E_EXCEPTION_UNKNOWN", `there is no exception ${exceptionId}`);
  const status = exceptionStatus(found, nowMs);
  if (status !== "active") return refused(409, "E_EXCEPTION_OVER", `this exception is ${status} already`);
  return { ok: true, events: [{ kind: "exception.revoked", exceptionId, reason }], result: { exceptionId, status: "revoked" } };
}
