import { randomUUID } from "node:crypto";
import { importPKCS8, SignJWT } from "jose";
import { basicAuthorization } from "../../identity/oauth/introspect.ts";
import type { JsonObject } from "../../identity/oauth/fetch-json.ts";
import type { ClientAuthentication, OAuthCredential } from "../../registry/oauth-credential.ts";

/** What is added to a request to a token endpoint so that it is the client's. */
export interface Authenticated {
  readonly headers: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, string>>;
}

export interface AuthenticateOptions {
  readonly client: Pick<OAuthCredential, "clientId" | "privateKey" | "keyId" | "algorithm" | "authentication">;
  /** The secret, or the key in PEM; null for a client that has neither. */
  readonly secret: string | null;
  /** Of the authorization server; absent where its token endpoint was configured. */
  readonly metadata: JsonObject | null;
  /** Whom a signed statement is for. */
  readonly audience: string;
  readonly nowMs: number;
}

const ASSERTION_LIFETIME_S = 60;

/** Says at a token endpoint who the proxy is, in the way that the endpoint takes. */
export async function authenticateClient({ client, secret, metadata, audience, nowMs }: AuthenticateOptions): Promise<Authenticated> {
  const { clientId, algorithm, keyId } = client;
  switch (client.authentication ?? methodFor(client.privateKey !== undefined, secret !== null, metadata)) {
    case "client_secret_basic":
      return { headers: { authorization: basicAuthorization(clientId, secret!) }, params: {} };
    case "client_secret_post":
      return { headers: {}, params: { client_id: clientId, client_secret: secret! } };
    case "none":
      return { headers: {}, params: { client_id: clientId } };
    case "private_key_jwt": {
      const iat = Math.floor(nowMs / 1000);
      const assertion = await new SignJWT({ iss: clientId, sub: clientId, aud: audience, iat, exp: iat + ASSERTION_LIFETIME_S, jti: randomUUID() })
        .setProtectedHeader({ alg: algorithm, ...(keyId === undefined ? {} : { kid: keyId }) })
        .sign(await importPKCS8(secret!, algorithm));
      return { headers: {}, params: { client_id: clientId, client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", client_assertion: assertion } };
    }
  }
}

/** A server that does not say takes the header (RFC 8414, 2); the body is for those that take that alone. */
function methodFor(hasKey: boolean, hasSecret: boolean, metadata: JsonObject | null): ClientAuthentication {
  if (hasKey) return "private_key_jwt";
  if (!hasSecret) return "none";
  const taken: unknown = metadata?.token_endpoint_auth_methods_supported;
  return Array.isArray(taken) && !taken.includes("client_secret_basic") && taken.includes("client_secret_post") ? "client_secret_post" : "client_secret_basic";
}
