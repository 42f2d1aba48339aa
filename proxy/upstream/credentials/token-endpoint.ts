import { fetchJson, type FetchOptions, type JsonObject } from "../../identity/oauth/fetch-json.ts";
import { endpointOf, fetchMetadata } from "../../identity/oauth/metadata.ts";
import type { OAuthCredential } from "../../registry/oauth-credential.ts";
import { authenticateClient } from "./client-authentication.ts";

export interface IssuedToken {
  readonly token: string;
  readonly lifetimeMs: number;
}

export interface TokenRequest {
  readonly oauth: OAuthCredential;
  /** Configured, or named by the server; absent where the token endpoint is configured. */
  readonly issuer: string | undefined;
  readonly resource: string;
  readonly scopes: readonly string[];
  /** What the entry's places hold; null where it names none. */
  readonly secrets: Readonly<Record<SecretName, string | null>>;
  /** The caller's access token, shown to the authorization server alone; null for a token of the proxy's own. */
  readonly callerToken: string | null;
  readonly nowMs: number;
}

/** The client's own, its assertion, and the client's secret at the identity provider. */
export type SecretName = "client" | "assertion" | "identityProvider";

/** For answers that do not say (RFC 6749, 5.1 only recommends it). */
const DEFAULT_LIFETIME_S = 300;
const MAX_LIFETIME_S = 86_400;

const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const tokenType = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`;

/**
 * Has a token issued to the proxy for one upstream: as itself, or for a caller. Rejects where none is issued; no message
 * holds anything of a token. One question, and no other grant after one that was refused.
 */
export async function requestToken(request: TokenRequest, fetching: FetchOptions): Promise<IssuedToken> {
  const { oauth, issuer, resource, scopes, secrets, nowMs } = request;
  const metadata = oauth.tokenUrl === undefined ? await fetchMetadata(issuer!, fetching) : null;
  const url = oauth.tokenUrl ?? endpointOf(metadata!, "token_endpoint", issuer!);
  const asked = { resource, ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }) };
  const grant = oauth.grant === "id_jag" ? { grant_type: JWT_BEARER, assertion: await identityAssertion(request, asked, fetching) } : grantOf(request);
  const client = await authenticateClient({ client: oauth, secret: secrets.client, metadata, audience: issuer ?? url, nowMs });
  const answer = await post(url, { ...grant, ...asked, ...client.params }, client.headers, fetching);
  // Another kind would need a proof that is not made here.
  if (typeof answer.token_type !== "string" || answer.token_type.toLowerCase() !== "bearer") throw new Error(`${url} issued a token that is no bearer token`);
  const { expires_in: lifetime } = answer;
  const seconds = typeof lifetime === "number" && lifetime > 0 ? Math.min(lifetime, MAX_LIFETIME_S) : DEFAULT_LIFETIME_S;
  return { token: answer.access_token, lifetimeMs: seconds * 1000 };
}

function grantOf({ oauth, secrets, callerToken }: TokenRequest): Record<string, string> {
  if (oauth.grant === "jwt_bearer") return { grant_type: JWT_BEARER, assertion: secrets.assertion! };
  if (oauth.grant === "client_credentials") return { grant_type: "client_credentials" };
  return { grant_type: EXCHANGE, subject_token: callerToken!, subject_token_type: tokenType("access_token"), requested_token_type: tokenType("access_token") };
}

/** What the identity provider says to the authorization server of whom a token is for: an ID-JAG, for that server and resource alone. */
async function identityAssertion({ oauth, issuer, secrets, callerToken, nowMs }: TokenRequest, asked: Record<string, string>, fetching: FetchOptions): Promise<string> {
  const provider = oauth.identityProvider!;
  const metadata = provider.tokenUrl === undefined ? await fetchMetadata(provider.issuer!, fetching) : null;
  const url = provider.tokenUrl ?? endpointOf(metadata!, "token_endpoint", provider.issuer!);
  const subject = secrets.assertion === null ? { subject_token: callerToken!, subject_token_type: tokenType("access_token") } : { subject_token: secrets.assertion, subject_token_type: tokenType("id_token") };
  const client = await authenticateClient({ client: { clientId: provider.clientId, algorithm: "ES256" }, secret: secrets.identityProvider, metadata, audience: provider.issuer ?? url, nowMs });
  const body = { grant_type: EXCHANGE, ...subject, requested_token_type: tokenType("id-jag"), audience: issuer!, ...asked, ...client.params };
  const answer = await post(url, body, client.headers, fetching);
  if (answer.issued_token_type !== tokenType("id-jag")) throw new Error(`${url} issued something else than an identity assertion`);
  return answer.access_token;
}

async function post(url: string, body: Record<string, string>, headers: Readonly<Record<string, string>>, fetching: FetchOptions): Promise<JsonObject & { access_token: string }> {
  const answer = await fetchJson(url, { method: "POST", body: new URLSearchParams(body), headers }, fetching);
  if (typeof answer.access_token !== "string" || !/^[\x21-\x7e]+$/.test(answer.access_token)) throw new Error(`${url} issued no token`);
  return answer as JsonObject & { access_token: string };
}
