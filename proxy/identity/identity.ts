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
}

export type Authentication =
  | { readonly ok: true; readonly identity: Identity }
  | { readonly ok: false; readonly why: "missing" | "unknown" | "expired" | "revoked" };

/** Turns a request's credential into an identity. Called for every message, so implementations cache. */
export interface Authenticator {
  /** Equal where two authenticators answer alike; absent where that is not known. */
  readonly version?: string;
  /** `authorization` is the header's value as sent, `apiKey` that of X-API-Key; nothing of them is kept or logged. */
  authenticate(authorization: string | undefined, apiKey: string | undefined, nowMs: number): Authentication;
}
