import type { ApprovalState, ControlState } from "../state/control-state.ts";
import { appendedIndex } from "./appended-index.ts";

/** Where an approval stands. Denied, used and expired are final. */
export type ApprovalStatus = "pending" | "approved" | "denied" | "used" | "expired";

/** What an approval is for: nothing else than exactly this. */
export interface HeldCall {
  readonly agent: string;
  readonly principal: string;
  readonly taskId: string;
  /** Of requestDigest: server, version, tool definition and parameters. */
  readonly requestDigest: string;
  readonly policyVersion: string;
}

export type FoundApproval =
  | { readonly kind: "none" }
  | { readonly kind: "pending" | "approved" | "denied" | "expired"; readonly approval: ApprovalState };

const none: FoundApproval = Object.freeze({ kind: "none" });

export function approvalStatus(state: ApprovalState, nowMs: number): ApprovalStatus {
  if (state.deniedBy !== null) return "denied";
  if (state.usedMs !== null) return "used";
  if (state.approval.expiresMs <= nowMs) return "expired";
  return state.approvedBy.length >= state.approval.needed ? "approved" : "pending";
}

/**
 * Pure. What a person said about this very call, if one was asked. Nothing that was said outlives its expiry: a request that
 * nobody decided by then is `expired`, an approval that was not used is too, and a denial is forgotten, so that in each of
 * these cases the next call asks anew. A used one is `none`.
 */
export function findApproval(state: ControlState, call: HeldCall, nowMs: number): FoundApproval {
  const approval = newestFor(state, call);
  if (approval === undefined) return none;
  const status = approvalStatus(approval, nowMs);
  if (status === "used" || (status === "denied" && approval.approval.expiresMs <= nowMs)) return none;
  return { kind: status, approval };
}

/** What the relay does next with a call that policy holds. */
export type HoldStep = "request" | "wait" | "use" | "refuse";

const steps: Readonly<Record<FoundApproval["kind"], HoldStep>> = { none: "request", expired: "request", pending: "wait", approved: "use", denied: "refuse" };
export const holdStep = (found: FoundApproval): HoldStep => steps[found.kind];

const byRequest = appendedIndex((state) => state.approvals, ({ approval }) => approval.requestDigest);

function newestFor(state: ControlState, call: HeldCall): ApprovalState | undefined {
  return byRequest(state, call.requestDigest)
    .map((id) => state.approvals.get(id))
    .findLast((found) => found !== undefined && isFor(found.approval, call));
}

const isFor = (approval: HeldCall, call: HeldCall): boolean =>
  approval.agent === call.agent &&
  approval.principal === call.principal &&
  approval.taskId === call.taskId &&
  approval.requestDigest === call.requestDigest &&
  approval.policyVersion === call.policyVersion;
