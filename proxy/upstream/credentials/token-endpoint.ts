import { basicAuthorization } from "../../identity/oauth/introspect.ts";
import { fetchJson, type FetchOptions } from "../../identity/oauth/fetch-json.ts";
import { endpointOf, fetchMetadata } from "../../identity/oauth/metadata.ts";
import type { ServerEntry } from "../../registry/server-entry.ts";

export type OAuthCredential = NonNullable<NonNullable<ServerEntry["credential"]>["oauth"]>;

export interface IssuedToken {
  readonly token: string;
  readonly lifetimeMs: number;
}

/** For answers that do not say (RFC 6749, 5.1 only recommends it). */
const DEFAULT_LIFETIME_S = 300;
const MAX_LIFETIME_S = 86_400;

/**
 * Has a token issued to the proxy for one upstream: as itself, or for a caller, whose own token is shown to the
 * authorization server alone. Rejects where none is issued; no message holds anything of a token.
 */
export async function requestToken(oauth: OAuthCredential, resource: string, secret: string, subjectToken: string | null, fetching: FetchOptions): Promise<IssuedToken> {
  const { issuer, clientId, scopes } = oauth;
  const url = oauth.tokenUrl ?? endpointOf(await fetchMetadata(issuer!, fetching), "token_endpoint", issuer!);
  const body = new URLSearchParams({ ...grantOf(subjectToken), resource: oauth.resource ?? resource, ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }) });
  const { access_token: token, token_type: type, expires_in: lifetime } = await fetchJson(url, { method: "POST", body, headers: { authorization: basicAuthorization(clientId, secret) } }, fetching);
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) throw new Error(`${url} issued no token`);
  // Another kind would need a proof that is not made here.
  if (typeof type !== "string" || type.toLowerCase() !== "bearer") throw new Error(`${url} issued a token that is no bearer token`);
  const seconds = typeof lifetime === "number" && lifetime > 0 ? Math.min(lifetime, MAX_LIFETIME_S) : DEFAULT_LIFETIME_S;
  return { token, lifetimeMs: seconds * 1000 };
}

function grantOf(subjectToken: string | null): Record<string, string> {
  if (subjectToken === null) return { grant_type: "client_credentials" };
  const type = "urn:ietf:params:oauth:token-type:access_token";
  return { grant_type: "urn:ietf:params:oauth:grant-type:token-exchange", subject_token: subjectToken, subject_token_type: type, requested_token_type: type };
}
