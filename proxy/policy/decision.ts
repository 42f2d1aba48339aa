import type { Basis, Decision, Effect, RiskTier } from "../../collector/record/call-record.ts";

/** What a decision may depend on. Everything here was established by the proxy, except `args`, which the caller sent. */
export interface DecisionInput {
  readonly agent: string;
  readonly principal: string;
  readonly taskId: string;
  readonly taskClass: string;
  readonly taskOwner: string;
  /** The task has read content that was not validated. */
  readonly tainted: boolean;
  /** 0 to 1: how instruction-shaped the worst text was that this task has read. */
  readonly taintScore: number;
  /** The data domains whose results this task has read. */
  readonly readDomains: readonly string[];
  readonly callsInTask: number;
  readonly writesInTask: number;
  /** A value among the arguments came out of an untrusted result of this task. */
  readonly flowUntrusted: boolean;
  /** 0 to 1: how instruction-shaped the text around that value was there; the worst, where there are several. */
  readonly flowScore: number;
  readonly server: string;
  readonly serverVersion: string;
  readonly lifecycle: string;
  readonly method: string;
  readonly tool: string;
  readonly prompt: string;
  readonly resourceUri: string;
  readonly effect: Effect | "";
  /** The registry says that nobody else can write into what the tool returns. */
  readonly toolTrusted: boolean;
  /** The registry lists the tool. */
  readonly toolListed: boolean;
  readonly riskTier: RiskTier | "";
  readonly dataDomains: readonly string[];
  readonly environment: string;
  readonly args: unknown;
  readonly nowMs: number;
}

/** The part of the input that comes from what the task has done so far, and not from the call or the registry. */
export type TaskHistory = Pick<
  DecisionInput,
  "taskOwner" | "tainted" | "taintScore" | "readDomains" | "callsInTask" | "writesInTask" | "flowUntrusted" | "flowScore"
>;

/** Of a task's first call. */
export const noHistory: TaskHistory = Object.freeze({
  taskOwner: "",
  tainted: false,
  taintScore: 0,
  readDomains: Object.freeze([]),
  callsInTask: 0,
  writesInTask: 0,
  flowUntrusted: false,
  flowScore: 0,
});

/**
 * Why, in one word, for records, metrics and error bodies. `rule`, `no_rule` and `rule_error` come from policy; the rest
 * are refusals before policy is asked, or what a person, a limit or an exception made of its answer.
 */
export const reasonCodes = [
  "rule",
  "no_rule",
  "rule_error",
  "unauthenticated",
  "token_invalid",
  "token_expired",
  "token_audience",
  "insufficient_scope",
  "identity_unavailable",
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
  "stopped",
  "task_closed",
  "task_expired",
  "task_scope",
  "budget",
  "rate_limited",
  "concurrency",
  "approval_required",
  "approval_denied",
  "exception",
  "definition_changed",
  "server_sunset",
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

/** A rule that would allow a call, and the condition under which it would. */
export interface Requirement {
  readonly id: string;
  readonly when: string;
}

/** What rules can say of a call before it is made. */
export interface Possible {
  /**
   * Whether some arguments, at some moment of the task, are let through or to a person. Never wrongly no: what depends on
   * arguments, on the time or on what the task does next may turn out either way. `template` stands for every resource that
   * its URI template can name.
   */
  mayAllow(input: DecisionInput, template?: string): boolean;
  /** The rules that are about this very call and would allow it, but for their conditions; at most `limit`. */
  requirements(input: DecisionInput, limit: number): readonly Requirement[];
}

/** A compiled set of rules: immutable, replaced whole when the files change. `version` is a digest of the files. */
export interface PolicySet extends Possible {
  readonly version: string;
  /** Pure and synchronous. A rule whose condition cannot be evaluated counts as a deny with reason `rule_error`. */
  decide(input: DecisionInput): DecisionResult;
}
