import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify, SignJWT, type CryptoKey, type JWK } from "jose";
import { Provider, type GrantContext } from "oidc-provider";

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** A real authorization server (oidc-provider) whose keys the tests hold too, so that they can sign what it never would. */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly keys: readonly SigningKey[];
  /** Requests by path, as they came in. */
  readonly requests: string[];
  /** What it adds to the tokens that it issues. */
  extraClaims: Record<string, unknown>;
  format: "jwt" | "opaque";
  /** A token of its own, by client credentials; whoever asks, it is for this resource. */
  issue(resource: string, scope?: string): Promise<string>;
  /** A token that was never asked for, signed by one of its keys. */
  sign(claims: Record<string, unknown>, options?: { key?: SigningKey; header?: Record<string, unknown> }): Promise<string>;
  revoke(token: string): Promise<void>;
  /** New keys in place of the old ones. */
  rotate(): Promise<void>;
  /** Answers nothing until it is called again. */
  outage(on: boolean): void;
  stop(): Promise<void>;
}

export const introspecting = { clientId: "signalbox", clientSecret: "signalbox-secret-of-the-tests" } as const;
/** Registered beforehand, for a program on a person's machine. */
export const desktop = { clientId: "desktop-client", redirectUri: "http://127.0.0.1:9/callback" } as const;
const client = { id: "build-agent", secret: "secret-of-the-build-agent" } as const;
const scopes = ["mcp:use", "tickets:write", "tickets:admin"] as const;

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";

export async function makeKeys(prefix: string): Promise<SigningKey[]> {
  return Promise.all(
    ["RS256", "ES256", "EdDSA"].map(async (alg) => ({ kid: `${prefix}-${alg}`, alg, ...(await generateKeyPair(alg, { extractable: true })) })),
  );
}

export async function startAuthorizationServer(port = 0): Promise<AuthorizationServer> {
  let handler: RequestListener = (_request, response) => void response.writeHead(503).end();
  let down = false;
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push((request.url ?? "").split("?")[0]!);
    if (down) response.writeHead(503).end();
    else handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let keys = await makeKeys("first");

  const serve = async (): Promise<void> => {
    const jwks = await Promise.all(keys.map(async ({ kid, alg, privateKey }): Promise<JWK> => ({ ...(await exportJWK(privateKey)), kid, alg, use: "sig" })));
    const provider = new Provider(issuer, configuration(running, jwks));
    provider.registerGrantType(TOKEN_EXCHANGE, (context) => exchange(running, context), ["subject_token", "subject_token_type", "requested_token_type", "resource", "scope"]);
    const callback = provider.callback();
    handler = (request, response) => {
      if (request.url?.startsWith("/interaction/")) void agree(provider, request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
      else callback(request, response);
    };
  };
  const form = (path: string, body: Record<string, string>): Promise<Response> =>
    fetch(issuer + path, { method: "POST", headers: { authorization: `Basic ${btoa(`${client.id}:${client.secret}`)}` }, body: new URLSearchParams(body) });

  const running: AuthorizationServer = {
    issuer,
    requests,
    get keys() {
      return keys;
    },
    extraClaims: {},
    format: "jwt",
    async issue(resource, scope = "mcp:use") {
      const answer = await form("/token", { grant_type: "client_credentials", resource, scope });
      const { access_token: token } = (await answer.json()) as { access_token?: string };
      if (token === undefined) throw new Error(`the authorization server issued no token: ${answer.status}`);
      return token;
    },
    sign: (claims, { key = keys[0]!, header = {} } = {}) => new SignJWT(claims).setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "at+jwt", ...header }).sign(key.privateKey),
    revoke: async (token) => void (await form("/token/revocation", { token })),
    async rotate() {
      keys = await makeKeys("second");
      await serve();
    },
    outage: (on) => void (down = on),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  await serve();
  return running;
}

function configuration(server: AuthorizationServer, keys: JWK[]): object {
  return {
    jwks: { keys },
    cookies: { keys: ["of the tests"] },
    scopes: ["openid", "offline_access", ...scopes],
    clients: [
      { client_id: client.id, client_secret: client.secret, grant_types: ["client_credentials"], redirect_uris: [], response_types: [] },
      { client_id: desktop.clientId, application_type: "native", token_endpoint_auth_method: "none", redirect_uris: [desktop.redirectUri], grant_types: ["authorization_code", "refresh_token"] },
      { client_id: introspecting.clientId, client_secret: introspecting.clientSecret, grant_types: ["client_credentials", TOKEN_EXCHANGE], redirect_uris: [], response_types: [] },
    ],
    findAccount: (_context: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    extraTokenClaims: () => server.extraClaims,
    interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    ttl: { AccessToken: 86_400, ClientCredentials: 86_400, Grant: 86_400, Interaction: 600, Session: 86_400 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_context: unknown, asking: { clientId: string }) => asking.clientId === introspecting.clientId },
      revocation: { enabled: true, allowedPolicy: () => true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context: unknown, resource: string) => ({
          scope: scopes.join(" "),
          audience: resource,
          accessTokenFormat: server.format,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  };
}

/** RFC 8693, which the provider leaves to its users: a token of its own for whom the other one is of, with the client as the actor. */
async function exchange(server: AuthorizationServer, context: GrantContext): Promise<void> {
  const { oidc } = context;
  const { subject_token: subject, resource } = oidc.params as { subject_token: string; resource: string };
  const { kid } = decodeProtectedHeader(subject);
  const { payload } = await jwtVerify(subject, server.keys.find((key) => key.kid === kid)!.publicKey, { issuer: server.issuer });
  const now = Math.floor(Date.now() / 1000);
  const token = await server.sign({ iss: server.issuer, sub: payload.sub, client_id: oidc.client.clientId, act: { sub: oidc.client.clientId }, aud: resource, iat: now, exp: now + 300 });
  context.body = { access_token: token, issued_token_type: "urn:ietf:params:oauth:token-type:access_token", token_type: "Bearer", expires_in: 300 };
}

/** The person at the browser: logs in as ana and agrees to whatever is asked. */
async function agree(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") return provider.interactionFinished(request, response, { login: { accountId: "ana" } });
  const grant = new provider.Grant({ accountId: session!.accountId, clientId: params.client_id! });
  const { missingOIDCScope = [], missingResourceScopes = {} } = prompt.details;
  if (missingOIDCScope.length > 0) grant.addOIDCScope(missingOIDCScope.join(" "));
  for (const [resource, names] of Object.entries(missingResourceScopes)) grant.addResourceScope(resource, names.join(" "));
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}
