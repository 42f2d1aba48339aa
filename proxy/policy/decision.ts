import type { Basis, Decision, Effect, RiskTier } from "../../collector/record/call-record.ts";

/** What a decision may depend on. Everything here was established by the proxy, except `args`, which the caller sent. */
export interface DecisionInput {
  readonly agent: string;
  readonly principal: string;
  readonly taskId: string;
  readonly taskClass: string;
  readonly server: string;
  readonly method: string;
  readonly tool: string;
  readonly prompt: string;
  readonly resourceUri: string;
  readonly effect: Effect | "";
  readonly riskTier: RiskTier | "";
  readonly dataDomains: readonly string[];
  readonly environment: string;
  readonly args: unknown;
  readonly nowMs: number;
}

/**
 * Why, in one word, for records, metrics and error bodies. `rule` and `no_rule` come from policy; the rest are refusals
 * before policy is asked.
 */
export const reasonCodes = [
  "rule",
  "no_rule",
  "rule_error",
  "unauthenticated",
  "out_of_scope",
  "unknown_server",
  "server_not_approved",
  "server_retired",
  "task_class_not_approved",
  "malformed",
  "too_large",
  "unsupported_version",
  "header_mismatch",
  "bad_origin",
  "session_mismatch",
  "method_not_allowed",
  "overloaded",
  "audit_unavailable",
] as const;
export type ReasonCode = (typeof reasonCodes)[number];

export interface DecisionResult {
  readonly decision: Decision;
  readonly basis: Basis;
  /** The rules that determined the decision, in file order; empty when none did. */
  readonly policyIds: readonly string[];
  readonly policyVersion: string;
  readonly reason: ReasonCode;
  /** What the caller is told: the rule's own `message`, or a sentence made from the reason. Never arguments. */
  readonly message: string;
}

/** A compiled set of rules: immutable, replaced whole when the files change. `version` is a digest of the files. */
export interface PolicySet {
  readonly version: string;
  /** Pure and synchronous. A rule whose condition cannot be evaluated counts as a deny with reason `rule_error`. */
  decide(input: DecisionInput): DecisionResult;
}
