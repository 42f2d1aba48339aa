import { errors, jwtVerify } from "jose";
import type { TokenFault } from "../identity.ts";
import type { IssuerConfig } from "./config.ts";
import type { JsonObject } from "./fetch-json.ts";
import { IssuerUnavailable, type IssuerKeys } from "./issuer-keys.ts";

export type Verified = { readonly ok: true; readonly claims: JsonObject } | { readonly ok: false; readonly why: TokenFault };

export interface VerifyOptions {
  readonly issuer: IssuerConfig;
  readonly keys: Pick<IssuerKeys, "find">;
  readonly clockSkewSeconds: number;
  readonly nowMs: number;
}

/**
 * Whether an issuer signed this token, as an access token, for this time. Which server it is for is asked per call. The
 * key is found by the header's `kid` among the issuer's own; what a token says of keys (`jwk`, `jku`, `x5u`) is not looked at.
 */
export async function verifyJwt(token: string, { issuer, keys, clockSkewSeconds, nowMs }: VerifyOptions): Promise<Verified> {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys.find, {
      algorithms: [...issuer.algorithms],
      issuer: issuer.issuer,
      clockTolerance: clockSkewSeconds,
      currentDate: new Date(nowMs),
      requiredClaims: ["exp", "aud"],
    });
    if (!isOfType(protectedHeader.typ, issuer.types)) return { ok: false, why: "token_invalid" };
    // jose looks at `iat` only for a maximum age: one that is issued in the future was not issued by a clock like ours.
    if (payload.iat !== undefined && payload.iat > nowMs / 1000 + clockSkewSeconds) return { ok: false, why: "token_invalid" };
    return { ok: true, claims: payload };
  } catch (error) {
    if (error instanceof IssuerUnavailable) return { ok: false, why: "unavailable" };
    if (error instanceof errors.JWTExpired) return { ok: false, why: "token_expired" };
    if (error instanceof errors.JOSEError || error instanceof TypeError) return { ok: false, why: "token_invalid" };
    throw error;
  }
}

/** A media type may leave out its `application/` (RFC 7515, 4.1.9), and its case does not matter. Without one it is a plain JWT. */
function isOfType(typ: string | undefined, types: readonly string[]): boolean {
  const plain = (typ ?? "JWT").toLowerCase().replace(/^application\//, "");
  return types.some((type) => type.toLowerCase() === plain);
}
