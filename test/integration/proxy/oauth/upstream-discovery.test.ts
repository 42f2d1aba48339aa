import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { decodeJwt, decodeProtectedHeader, exportPKCS8, generateKeyPair, jwtVerify } from "jose";
import { afterEach, expect, test } from "vitest";
import { manualClock } from "../../../../collector/kernel/clock.ts";
import { asAlice, asBob, httpServer, startProxyApp, type TestProxy } from "../../../support/proxy-app.ts";
import { answerJson, startStubUpstream, type StubUpstream, type UpstreamRequest } from "../../../support/stub-upstream.ts";

/** An authorization server that takes any client, so that what it was asked can be looked at. */
interface Issuer {
  readonly url: string;
  readonly asked: { readonly authorization: string; readonly form: Record<string, string> }[];
  metadata: Record<string, unknown>;
  refuse: boolean;
  stop(): Promise<void>;
}

async function startIssuer(): Promise<Issuer> {
  const server = createServer(async (request, response) => {
    if (request.url === "/.well-known/oauth-authorization-server") return answerJson(response, { issuer: issuer.url, token_endpoint: `${issuer.url}/token`, ...issuer.metadata });
    if (request.url !== "/token") return answerJson(response, {}, 404);
    const text = Buffer.concat(await request.toArray()).toString();
    issuer.asked.push({ authorization: request.headers.authorization ?? "", form: Object.fromEntries(new URLSearchParams(text)) });
    if (issuer.refuse) return answerJson(response, { error: "invalid_grant" }, 400);
    const jag = issuer.asked.at(-1)!.form.requested_token_type?.endsWith("id-jag");
    answerJson(response, { access_token: `token-${issuer.asked.length}`, token_type: jag ? "N_A" : "Bearer", expires_in: 3600, ...(jag ? { issued_token_type: "urn:ietf:params:oauth:token-type:id-jag" } : {}) });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer: Issuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    metadata: {},
    refuse: false,
    stop: () => new Promise((resolve) => (server.close(() => resolve()), server.closeAllConnections())),
  };
  return issuer;
}

let as: Issuer;
let upstream: StubUpstream;
let proxy: TestProxy;
const clock = manualClock(Date.now());
afterEach(async () => {
  await proxy?.stop();
  await upstream.stop();
  await as.stop();
});

interface Server {
  readonly oauth?: Record<string, unknown>;
  readonly env?: Record<string, string>;
  /** What the server says of itself; null for nothing. */
  readonly metadata?: () => Record<string, unknown> | null;
  readonly at?: string;
  readonly challenge?: () => string;
  /** The scopes that a call with this token needs more than it has; empty lets it in. */
  readonly lacks?: (token: string) => string;
}

async function start({ oauth, env, metadata, at = "/.well-known/oauth-protected-resource/mcp", challenge, lacks = () => "" }: Server): Promise<void> {
  as = await startIssuer();
  upstream = await startStubUpstream();
  const { origin } = new URL(upstream.url);
  const usual = upstream.answer;
  upstream.answer = (request, response, path = "/mcp") => {
    if (path !== "/mcp") {
      upstream.requests.pop();
      const said = path === at ? (metadata ? metadata() : { resource: upstream.url, authorization_servers: [as.url] }) : null;
      return said === null ? answerJson(response, {}, 404) : answerJson(response, said);
    }
    const token = tokenOf(request);
    if (token === "") return void response.writeHead(401, { "www-authenticate": challenge?.() ?? `Bearer resource_metadata="${origin}${at}", scope="basic"` }).end();
    const lacking = lacks(token);
    if (lacking !== "") return void response.writeHead(403, { "www-authenticate": `Bearer error="insufficient_scope", scope="${lacking}"` }).end();
    usual(request, response, path);
  };
  const credential = { name: "of-the-server", oauth: { clientId: "signalbox", ...(oauth ?? { clientSecret: "${env:SECRET}" }) } };
  proxy = await startProxyApp({ servers: [httpServer(upstream.url, { credential })], env: { SECRET: "s3cret", ...env }, clock, config: { denialBreaker: false } });
}

const tokenOf = ({ headers }: UpstreamRequest): string => (headers.authorization ?? "").replace(/^Bearer /, "");

async function call(who: Record<string, string> = asAlice): Promise<number> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "read", arguments: {} } });
  const response = await fetch(proxy.url, { method: "POST", headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...who }, body });
  await response.text();
  return response.status;
}

const sentTokens = (): string[] => upstream.requests.map(tokenOf);
const last = () => proxy.audit.records.at(-1)!;

test("a server's challenge leads to its authorization server: the same call goes on with a token, and so do the next ones", async () => {
  await start({});
  expect(await call()).toBe(200);
  expect(sentTokens()).toEqual(["", "token-1"]);
  expect(as.asked).toEqual([{ authorization: `Basic ${btoa("signalbox:s3cret")}`, form: { grant_type: "client_credentials", resource: upstream.url, scope: "basic" } }]);
  expect(last()).toMatchObject({ outcome: "ok", httpStatus: 200 });
  expect(await call(asBob)).toBe(200);
  expect(sentTokens()).toEqual(["", "token-1", "token-1"]);
  // One call is one record, however often it was sent.
  expect(proxy.audit.records).toHaveLength(2);
});

test("calls that come at once wait for one token", async () => {
  await start({});
  expect(await Promise.all(Array.from({ length: 8 }, () => call()))).toEqual(Array(8).fill(200));
  expect(as.asked).toHaveLength(1);
});

test.each<{ name: string; server: Server; scope: string | undefined; resource?: () => string }>([
  { name: "at the path, without a challenge that says so", server: { challenge: () => "Bearer", metadata: () => ({ resource: upstream.url, authorization_servers: [as.url], scopes_supported: ["a", "b"] }) }, scope: "a b" },
  { name: "at the root, for the whole host", server: { at: "/.well-known/oauth-protected-resource", challenge: () => "Bearer", metadata: () => ({ resource: new URL(upstream.url).origin, authorization_servers: [as.url] }) }, scope: undefined, resource: () => new URL(upstream.url).origin },
  { name: "at a place of its own", server: { at: "/custom.json" }, scope: "basic" },
])("metadata is found $name", async ({ server, scope, resource = () => upstream.url }) => {
  await start(server);
  expect(await call()).toBe(200);
  expect(as.asked[0]!.form).toMatchObject({ resource: resource() });
  expect(as.asked[0]!.form.scope).toBe(scope);
});

test.each<{ name: string; server: Server }>([
  { name: "is of another host", server: { metadata: () => ({ resource: "https://evil.example/mcp", authorization_servers: [as.url] }) } },
  { name: "is of another path", server: { metadata: () => ({ resource: `${upstream.url}-other`, authorization_servers: [as.url] }) } },
  { name: "is at another host", server: { challenge: () => `Bearer resource_metadata="${as.url}/.well-known/oauth-protected-resource/mcp"` } },
  { name: "names nobody", server: { metadata: () => ({ resource: upstream.url, authorization_servers: [] }) } },
  { name: "names an issuer in clear", server: { metadata: () => ({ resource: upstream.url, authorization_servers: ["http://login.example"] }) } },
  { name: "is not there", server: { metadata: () => null } },
  { name: "names another issuer than the registry", server: { oauth: { issuer: "http://127.0.0.1:9", clientSecret: "${env:SECRET}" } } },
])("no secret goes anywhere where the metadata $name", async ({ server }) => {
  await start(server);
  expect(await call()).toBe(502);
  expect(as.asked).toHaveLength(0);
  expect(last()).toMatchObject({ outcome: "transport_error", errorType: "upstream_credential" });
});

test("the metadata of another issuer than the one named is not used", async () => {
  await start({});
  as.metadata = { issuer: "https://attacker.example" };
  expect(await call()).toBe(502);
  expect(as.asked).toHaveLength(0);
});

test("a server that names another authorization server later gets no secret sent there", async () => {
  let named = "";
  await start({ metadata: () => ({ resource: upstream.url, authorization_servers: [named || as.url] }) });
  expect(await call()).toBe(200);
  const other = await startIssuer();
  named = other.url;
  clock.advanceMs(3_600_000);
  // Nothing is asked of the server while the token can be had where it was had before.
  expect(await call()).toBe(200);
  const usual = upstream.answer;
  upstream.answer = (request, response, path) => (path === "/mcp" ? void response.writeHead(401, { "www-authenticate": "Bearer" }).end() : usual(request, response, path));
  expect(await call()).toBe(502);
  expect(other.asked).toHaveLength(0);
  await other.stop();
});

test("a call that needs another scope is sent again with a token for both, once", async () => {
  await start({ lacks: (token) => (token === "token-1" ? "extra" : "") });
  expect(await call()).toBe(200);
  expect(as.asked.map(({ form }) => form.scope)).toEqual(["basic", "basic extra"]);
  expect(await call()).toBe(200);
  expect(sentTokens()).toEqual(["", "token-1", "token-2", "token-2"]);
});

test("a server that always wants more is not asked for ever", async () => {
  await start({ lacks: () => "never" });
  expect(await call()).toBe(502);
  expect(last()).toMatchObject({ outcome: "transport_error", errorType: "insufficient_scope" });
  expect(as.asked).toHaveLength(2);
  expect(await call()).toBe(502);
  // It was asked for already, and did not help.
  expect(as.asked).toHaveLength(2);
});

test("scopes that the registry names are all that is asked for", async () => {
  await start({ oauth: { clientSecret: "${env:SECRET}", scopes: ["read"] }, lacks: () => "write" });
  expect(await call()).toBe(502);
  expect(as.asked.map(({ form }) => form.scope)).toEqual(["read"]);
});

test("a token that the server no longer takes is replaced within the call", async () => {
  let revoked = "";
  await start({});
  expect(await call()).toBe(200);
  const usual = upstream.answer;
  upstream.answer = (request, response, path) => (tokenOf(request) === revoked && path === "/mcp" ? void response.writeHead(401).end() : usual(request, response, path));
  revoked = "token-1";
  expect(await call()).toBe(200);
  expect(sentTokens().slice(-2)).toEqual(["token-1", "token-2"]);
});

test("a server that takes no token is sent a call twice and no more", async () => {
  await start({});
  const usual = upstream.answer;
  upstream.answer = (request, response, path) => (path === "/mcp" ? void response.writeHead(401, { "www-authenticate": "Bearer" }).end() : usual(request, response, path));
  expect(await call()).toBe(502);
  expect(last()).toMatchObject({ outcome: "transport_error", errorType: "401" });
  expect(sentTokens()).toEqual(["", "token-1"]);
});

test("the secret goes into the body where the authorization server takes it there alone", async () => {
  await start({});
  as.metadata = { token_endpoint_auth_methods_supported: ["client_secret_post"] };
  expect(await call()).toBe(200);
  expect(as.asked[0]).toMatchObject({ authorization: "", form: { client_id: "signalbox", client_secret: "s3cret" } });
});

test("a client with a key signs who it is, for that authorization server, and no secret is sent", async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  await start({ oauth: { privateKey: "${env:KEY}", keyId: "k1" }, env: { KEY: await exportPKCS8(privateKey) } });
  expect(await call()).toBe(200);
  const { authorization, form } = as.asked[0]!;
  expect([authorization, form.client_assertion_type]).toEqual(["", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]);
  const { payload } = await jwtVerify(form.client_assertion!, publicKey, { audience: as.url, issuer: "signalbox", subject: "signalbox", currentDate: new Date(clock.nowMs()) });
  expect(payload.exp! - payload.iat!).toBeLessThanOrEqual(300);
  expect(decodeProtectedHeader(form.client_assertion!)).toEqual({ alg: "ES256", kid: "k1" });
  expect(decodeJwt(form.client_assertion!).jti).toMatch(/^[0-9a-f-]{36}$/);
});

test("a workload's own token is what a token is issued by, and one that is refused is not tried otherwise", async () => {
  await start({ oauth: { grant: "jwt_bearer", assertion: "${env:WORKLOAD}" }, env: { WORKLOAD: "a.workload.token" } });
  expect(await call()).toBe(200);
  expect(as.asked).toEqual([{ authorization: "", form: { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: "a.workload.token", client_id: "signalbox", resource: upstream.url, scope: "basic" } }]);
  as.refuse = true;
  clock.advanceMs(3_600_000);
  expect(await call()).toBe(502);
  expect(as.asked).toHaveLength(2);
});

test("an identity provider vouches for the caller to the server's authorization server, for that server alone", async () => {
  const idp = await startIssuer();
  await start({ oauth: { clientSecret: "${env:SECRET}", grant: "id_jag", assertion: "${env:ID}", identityProvider: { tokenUrl: `${idp.url}/token`, clientId: "at-idp", clientSecret: "${env:SECRET}" } }, env: { ID: "an.id.token" } });
  expect(await call()).toBe(200);
  const type = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`;
  expect(idp.asked).toEqual([
    {
      authorization: `Basic ${btoa("at-idp:s3cret")}`,
      form: { grant_type: "urn:ietf:params:oauth:grant-type:token-exchange", subject_token: "an.id.token", subject_token_type: type("id_token"), requested_token_type: type("id-jag"), audience: as.url, resource: upstream.url, scope: "basic" },
    },
  ]);
  expect(as.asked[0]!.form).toMatchObject({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: "token-1" });
  await idp.stop();
});
