import type { Role } from "../state/command.ts";

/** Who calls, as the proxy established it. `credentialId` names the credential without revealing it. */
export interface Identity {
  readonly agent: string;
  readonly principal: string;
  readonly delegation: readonly string[];
  readonly credentialId: string;
  readonly taskId: string;
  readonly taskClass: string;
  /** The servers that the credential is for; absent means any that policy allows. */
  readonly servers?: readonly string[];
  /** The tools that the credential is for; absent means any that policy allows. */
  readonly tools?: readonly string[];
  /** What the task may do in all; absent, and for an absent member, no bound. */
  readonly budget?: { readonly calls?: number | undefined; readonly writes?: number | undefined };
  /** Absent means an agent, and nothing besides. */
  readonly roles?: readonly Role[];
  /** The person or team that answers for the task; absent where the call is in none. */
  readonly taskOwner?: string;
  /** The classes of the tasks that the credential may open for itself; absent means any. */
  readonly taskClasses?: readonly string[];
  /** What an access token was granted; absent for credentials that know no scopes, which are bounded by the members above. */
  readonly scopes?: ReadonlySet<string>;
}

/** The `credentialId` of callers who sent none, where that is allowed: visible in every record, and the id of no key. */
export const ANONYMOUS = "(anonymous)";

/** What can be wrong with an access token; `unavailable`: nobody could be asked, and nothing is known of it. */
export type TokenFault = "token_invalid" | "token_expired" | "token_audience" | "unavailable";

export type Authentication =
  | { readonly ok: true; readonly identity: Identity }
  | { readonly ok: false; readonly why: "missing" | "unknown" | "expired" | "revoked" | "task_closed" | "task_expired" | TokenFault };

/** Turns a request's credential into an identity. Called for every message, so implementations cache. */
export interface Authenticator {
  /** Equal where two authenticators answer alike; absent where that is not known. */
  readonly version?: string;
  /**
   * `authorization` is the header's value as sent, `apiKey` that of X-API-Key; nothing of them is logged, or kept for longer
   * than the `connection` that they came over.
   */
  authenticate(authorization: string | undefined, apiKey: string | undefined, nowMs: number, connection?: object): Authentication;
}
