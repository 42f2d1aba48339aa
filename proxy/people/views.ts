import type { Scope } from "../state/control-event.ts";
import type { ApprovalState, ExceptionState, QuarantineState } from "../state/control-state.ts";
import { approvalStatus } from "./approvals.ts";
import { exceptionStatus } from "./exceptions.ts";
import { quarantineStatus } from "./quarantine.ts";

/** How people and programs are shown what waits for people. Times are ISO 8601; null is "not yet". */
const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));

export function approvalView(state: ApprovalState, nowMs: number) {
  const { expiresMs, ...approval } = state.approval;
  return {
    ...approval,
    status: approvalStatus(state, nowMs),
    requestedAt: iso(state.requestedMs),
    expiresAt: iso(expiresMs),
    approvedBy: state.approvedBy,
    deniedBy: state.deniedBy,
    usedAt: isoOrNull(state.usedMs),
  };
}

export function exceptionView(state: ExceptionState, nowMs: number) {
  const { expiresMs, ...exception } = state.exception;
  return { ...exception, status: exceptionStatus(state, nowMs), grantedAt: iso(state.grantedMs), expiresAt: iso(expiresMs), revokedAt: isoOrNull(state.revokedMs) };
}

export function quarantineView(state: QuarantineState, nowMs: number) {
  const { expiresMs, ...item } = state.item;
  return { ...item, status: quarantineStatus(state, nowMs), heldAt: iso(state.heldMs), expiresAt: iso(expiresMs), settledBy: state.settledBy };
}

export type ApprovalView = ReturnType<typeof approvalView>;
export type ExceptionView = ReturnType<typeof exceptionView>;
export type QuarantineView = ReturnType<typeof quarantineView>;

/** In words, for a cell: `agent triage-bot, server github`. */
export const scopeWords = (scope: Scope): string =>
  [scope.agent && `agent ${scope.agent}`, scope.taskId && `task ${scope.taskId}`, scope.server && `server ${scope.server}`, scope.tool && `tool ${scope.tool}`].filter(Boolean).join(", ");
