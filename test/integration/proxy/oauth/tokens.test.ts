import { exportJWK, exportSPKI, importJWK, SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { systemActor } from "../../../../proxy/state/command.ts";
import { openTask } from "../../../../proxy/tasks/open-task.ts";
import { makeKeys } from "../../../support/authorization-server.ts";
import { bearer, startOAuthProxy, type CallOptions, type OAuthProxy } from "./oauth-proxy.ts";

/** One proxy and one authorization server for all cases, each of which brings a token of its own. */
let o: OAuthProxy;
beforeAll(async () => {
  o = await startOAuthProxy();
});
afterAll(() => o.stop());
// Longer than a refused token is remembered for, and than keys are not asked for again.
beforeEach(() => o.clock.advanceMs(31_000));

const seconds = (delta: number): number => Math.floor(o.clock.nowMs() / 1000) + delta;
const signed = async (claims: Record<string, unknown> = {}, options?: Parameters<OAuthProxy["as"]["sign"]>[1]): Promise<string> => o.as.sign(o.claims(claims), options);
const key = (alg: string) => o.as.keys.find((one) => one.alg === alg)!;
/** A token that is put together by hand, with any header and any signature. */
const assembled = (header: object, claims: object, signature = ""): string =>
  [JSON.stringify(header), JSON.stringify(claims)].map((part) => Buffer.from(part).toString("base64url")).join(".") + `.${signature}`;
const stranger = (await makeKeys("first"))[0]!;
const deep = (n: number): object => (n === 0 ? { sub: "a" } : { sub: "a", act: deep(n - 1) });

interface Case {
  readonly name: string;
  readonly token: () => Promise<string> | string;
  /** What comes of it: forwarded, or refused with this status and for this reason. */
  readonly expected: "ok" | readonly [status: number, reason: string];
  readonly options?: CallOptions;
  /** In place of `Bearer <token>`. */
  readonly header?: (token: string) => Record<string, string>;
}

const invalid = [401, "token_invalid"] as const;
const expired = [401, "token_expired"] as const;
const audience = [401, "token_audience"] as const;
const unknown = [401, "unauthenticated"] as const;

const cases: readonly Case[] = [
  // what is good
  { name: "a token that the authorization server issued", token: () => o.as.issue(o.resource(), "mcp:use"), expected: "ok" },
  { name: "signed with RS256", token: () => signed({}, { key: key("RS256") }), expected: "ok" },
  { name: "signed with ES256", token: () => signed({}, { key: key("ES256") }), expected: "ok" },
  { name: "signed with EdDSA", token: () => signed({}, { key: key("EdDSA") }), expected: "ok" },
  { name: "a scheme in lower case", token: () => signed(), header: (token) => ({ authorization: `bearer ${token}` }), expected: "ok" },
  { name: "the type as a whole media type", token: () => signed({}, { header: { typ: "application/at+jwt" } }), expected: "ok" },

  // audience
  { name: "one of several audiences", token: () => signed({ aud: ["https://other.example", o.resource()] }), expected: "ok" },
  { name: "the audience of another server of this proxy", token: () => signed({ aud: o.resource("files") }), expected: audience },
  { name: "a token for this server at another one", token: () => signed(), options: { server: "files" }, expected: audience },
  { name: "the audience of the proxy as a whole", token: () => signed({ aud: o.proxy.baseUrl }), expected: audience },
  { name: "the audience with a slash at its end", token: () => signed({ aud: `${o.resource()}/` }), expected: audience },
  { name: "the audience of the upstream", token: () => signed({ aud: o.upstream.url }), expected: audience },
  { name: "the audience in other letters", token: () => signed({ aud: o.resource().toUpperCase() }), expected: audience },
  { name: "no audience", token: () => signed({ aud: undefined }), expected: invalid },
  { name: "an empty list of audiences", token: () => signed({ aud: [] }), expected: audience },
  { name: "an audience that is no text", token: () => signed({ aud: [1, o.resource()] }), expected: invalid },
  { name: "an issued token for another resource", token: () => o.as.issue("https://api.example/mcp"), expected: audience },

  // issuer
  { name: "an issuer that is not configured", token: () => signed({ iss: "https://login.example" }), expected: invalid },
  { name: "the issuer with a slash at its end", token: () => signed({ iss: `${o.as.issuer}/` }), expected: invalid },
  { name: "no issuer", token: () => signed({ iss: undefined }), expected: invalid },
  { name: "an issuer that is a list", token: () => signed({ iss: [o.as.issuer] as unknown as string }), expected: invalid },
  { name: "another's key under a known id", token: () => signed({}, { key: { ...stranger, kid: key("RS256").kid } }), expected: invalid },
  { name: "another's key under an id of its own", token: () => signed({}, { key: { ...stranger, kid: "mine" } }), expected: invalid },

  // algorithms and headers
  { name: "no signature", token: () => assembled({ alg: "none", typ: "at+jwt" }, o.claims()), expected: invalid },
  { name: "no signature, spelled otherwise", token: () => assembled({ alg: "nOnE", typ: "at+jwt" }, o.claims()), expected: invalid },
  { name: "HS256 with the public key as its secret", token: async () => hmac(await exportSPKI(key("RS256").publicKey)), expected: invalid },
  { name: "HS256 with the key's JWK as its secret", token: async () => hmac(JSON.stringify(await exportJWK(key("RS256").publicKey))), expected: invalid },
  { name: "HS256 with an empty secret", token: () => hmac("\0"), expected: invalid },
  { name: "a sound signature of an algorithm that is not on the list", token: async () => resigned("PS256"), expected: invalid },
  { name: "an elliptic curve's key named for RS256", token: async () => signed({}, { key: key("RS256"), header: { kid: key("ES256").kid } }), expected: invalid },
  { name: "no key id, of which one key alone fits", token: () => signed({}, { header: { kid: undefined } }), expected: "ok" },
  { name: "a key of its own in the header", token: async () => signed({}, { key: stranger, header: { kid: "x", jwk: await exportJWK(stranger.publicKey) } }), expected: invalid },
  { name: "a place for keys in the header", token: () => signed({}, { key: stranger, header: { kid: "x", jku: `${o.upstream.url}/jwks` } }), expected: invalid },
  { name: "an extension that must be understood", token: async () => assembled({ alg: "RS256", kid: key("RS256").kid, typ: "at+jwt", crit: ["exp"], exp: 1 }, o.claims(), "AAAA"), expected: invalid },
  { name: "an ID token's type", token: () => signed({}, { header: { typ: "JWT" } }), expected: invalid },
  { name: "no type", token: () => signed({}, { header: { typ: undefined } }), expected: invalid },
  { name: "an identity assertion's type", token: () => signed({}, { header: { typ: "oauth-id-jag+jwt" } }), expected: invalid },
  { name: "a changed payload", token: async () => changed(await signed()), expected: invalid },
  { name: "a signature cut short", token: async () => (await signed()).slice(0, -8), expected: invalid },
  { name: "something that is no JWT", token: () => "opaque-token-of-somebody", expected: invalid },

  // times
  { name: "expired, but within the tolerance", token: () => signed({ exp: seconds(-20) }), expected: "ok" },
  { name: "expired beyond the tolerance", token: () => signed({ exp: seconds(-31) }), expected: expired },
  { name: "without expiry", token: () => signed({ exp: undefined }), expected: invalid },
  { name: "an expiry that is no number", token: async () => signed({ exp: "9999999999" }), expected: invalid },
  { name: "not valid yet, but within the tolerance", token: () => signed({ nbf: seconds(20) }), expected: "ok" },
  { name: "not valid yet", token: () => signed({ nbf: seconds(60) }), expected: invalid },
  { name: "issued in the future", token: () => signed({ iat: seconds(60) }), expected: invalid },

  // who
  { name: "nobody's", token: () => signed({ sub: undefined, client_id: undefined }), expected: invalid },
  { name: "a principal with a line break", token: () => signed({ sub: "ana\nagent: root" }), expected: invalid },
  { name: "a client whose id begins with a dash, as that of one in 64 that registered themselves", token: () => signed({ client_id: "-zdm4Tp570FDGGLo4bOyAAEApiNCNQGP-cULGXJSJgh" }), expected: "ok" },
  { name: "a client whose id begins with an underscore", token: () => signed({ client_id: "_Im8Mj8gyEjpqpEsQMO1Nf4ni2RUeLELA2Fo5V-ct3L" }), expected: "ok" },
  { name: "an agent that is no name", token: () => signed({ client_id: "../triage agent" }), expected: invalid },
  { name: "a principal that is longer than the journal takes", token: () => signed({ sub: "a".repeat(129) }), expected: invalid },
  { name: "a chain of delegations that is too long", token: () => signed({ act: deep(8) }), expected: invalid },
  { name: "an actor without a name", token: () => signed({ act: { iss: "https://x.example" } }), expected: invalid },
  { name: "a token that is bound to a key", token: () => signed({ cnf: { jkt: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } }), expected: invalid },
  { name: "a token that is bound to a certificate", token: () => signed({ cnf: { "x5t#S256": "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0" } }), expected: invalid },

  // how it is sent
  { name: "in the query", token: () => signed(), header: () => ({}), options: { query: "?access_token=x" }, expected: unknown },
  { name: "two of them", token: () => signed(), header: (token) => ({ authorization: `Bearer ${token} ${token}` }), expected: unknown },
  { name: "with another scheme", token: () => signed(), header: (token) => ({ authorization: `DPoP ${token}` }), expected: unknown },
  { name: "as an API key", token: () => signed(), header: (token) => ({ "x-api-key": token }), expected: unknown },
  { name: "larger than any token", token: () => signed({ extra: "x".repeat(8000) }), expected: unknown },

  // tasks
  { name: "a task by its id", token: () => signed({ task: "T-1" }), expected: "ok" },
  { name: "a task with bounds that fit", token: () => signed({ task: { id: "T-1", class: "triage", servers: ["tickets"], tools: ["read"] } }), expected: "ok" },
  { name: "a task for another server", token: () => signed({ task: { id: "T-1", servers: ["files"] } }), expected: [200, "out_of_scope"] },
  { name: "a task for another tool", token: () => signed({ task: { id: "T-1", tools: ["search"] } }), expected: [200, "task_scope"] },
  { name: "a task with a bound that is not known here", token: () => signed({ task: { id: "T-1", region: "eu" } }), expected: invalid },
  { name: "a task without an id", token: () => signed({ task: { class: "triage" } }), expected: invalid },
  { name: "a task that is over", token: () => signed({ task: { id: "T-1", exp: seconds(-31) } }), expected: [401, "task_expired"] },
  { name: "authorization details that fit", token: () => signed({ authorization_details: [detail()] }), expected: "ok" },
  { name: "authorization details for another server", token: () => signed({ authorization_details: [detail({ locations: [o.resource("files")] })] }), expected: [200, "out_of_scope"] },
  { name: "authorization details for another place", token: () => signed({ authorization_details: [detail({ locations: ["https://other.example/mcp/tickets"] })] }), expected: [200, "out_of_scope"] },
  { name: "authorization details for another tool", token: () => signed({ authorization_details: [detail({ actions: ["search"] })] }), expected: [200, "task_scope"] },
  { name: "authorization details of another type", token: () => signed({ authorization_details: [{ type: "payment_initiation", amount: 1 }] }), expected: "ok" },
  { name: "authorization details that are no list", token: () => signed({ authorization_details: detail() }), expected: invalid },
  { name: "two tasks in the details", token: () => signed({ authorization_details: [detail(), detail({ identifier: "T-2" })] }), expected: invalid },
  { name: "a task twice over", token: () => signed({ task: "T-1", authorization_details: [detail()] }), expected: invalid },
  { name: "a task of this proxy that it does not know", token: () => signed({ task: "tk-0123456789abcdef" }), expected: [401, "task_closed"] },
  { name: "an open task of this proxy", token: async () => signed({ task: await opened("triage-agent") }), expected: "ok" },
  { name: "a task of this proxy that was closed", token: async () => signed({ task: await opened("triage-agent", true) }), expected: [401, "task_closed"] },
  { name: "another agent's task of this proxy", token: async () => signed({ task: await opened("other-agent") }), expected: invalid },
  { name: "a task of this proxy that is for another server", token: async () => signed({ task: await opened("triage-agent", false, ["files"]) }), expected: [200, "out_of_scope"] },

  // scopes
  { name: "without the scope that all messages need", token: () => signed({ scope: "tickets:write" }), expected: [403, "insufficient_scope"] },
  { name: "without any scope", token: () => signed({ scope: undefined }), expected: [403, "insufficient_scope"] },
  { name: "a scope that only begins like the one needed", token: () => signed({ scope: "mcp:user" }), expected: [403, "insufficient_scope"] },
  { name: "a write without its scope", token: () => signed({ scope: "mcp:use" }), options: { tool: "write" }, expected: [403, "insufficient_scope"] },
  { name: "a write with its scope", token: () => signed({ scope: "mcp:use tickets:write" }), options: { tool: "write" }, expected: "ok" },
  { name: "a write with a scope that stands for it", token: () => signed({ scope: "mcp:use tickets:admin" }), options: { tool: "write" }, expected: "ok" },
  { name: "scopes as a list", token: () => signed({ scope: undefined, scp: ["mcp:use"] }), expected: "ok" },
  { name: "a tool that is not listed, which counts as destructive", token: () => signed({ scope: "mcp:use" }), options: { tool: "unlisted" }, expected: [403, "insufficient_scope"] },
];

const detail = (more: object = {}): object => ({ type: "signalbox_task", identifier: "T-1", locations: [o.resource()], actions: ["read"], task_class: "triage", ...more });

async function opened(agent: string, closed = false, servers?: string[]): Promise<string> {
  const { taskId } = await openTask(o.proxy.control, systemActor, { agent, class: "triage", ...(servers ? { servers } : {}) });
  if (closed) await o.proxy.control.submit({ kind: "task.close", taskId }, systemActor);
  return taskId;
}

const hmac = (secret: string): Promise<string> =>
  new SignJWT(o.claims()).setProtectedHeader({ alg: "HS256", kid: key("RS256").kid, typ: "at+jwt" }).sign(new TextEncoder().encode(secret));

/** By the issuer's own key, used as it does not use it. */
async function resigned(alg: string): Promise<string> {
  const privateKey = await importJWK({ ...(await exportJWK(key("RS256").privateKey)), alg }, alg);
  return new SignJWT(o.claims()).setProtectedHeader({ alg, kid: key("RS256").kid, typ: "at+jwt" }).sign(privateKey);
}

function changed(token: string): string {
  const [header, payload, signature] = token.split(".") as [string, string, string];
  const claims = { ...JSON.parse(Buffer.from(payload, "base64url").toString()), sub: "root" };
  return [header, Buffer.from(JSON.stringify(claims)).toString("base64url"), signature].join(".");
}

test.each(cases)("$name: $expected", async ({ token, expected, options, header = bearer }) => {
  const sent = await token();
  const before = o.upstream.requests.length;
  const answer = await o.call(header(sent), options);
  const record = o.proxy.audit.records.at(-1)!;
  const [status, reason] = expected === "ok" ? [200, "rule"] : expected;
  expect({ status: answer.status, reason: record.reason, decision: record.decision }).toEqual({ status, reason, decision: expected === "ok" ? "allow" : "deny" });
  expect(o.upstream.requests.length - before).toBe(expected === "ok" ? 1 : 0);

  // Whoever is refused for the credential is nobody, and is told where to get one that is accepted.
  if (status === 401) {
    const server = options?.server ?? "tickets";
    expect(record).toMatchObject({ agent: "", principal: "", credentialId: "" });
    expect(answer.challenge).toContain(`resource_metadata="${o.proxy.baseUrl}/.well-known/oauth-protected-resource/mcp/${server}"`);
    expect(answer.challenge.includes('error="invalid_token"')).toBe(reason !== "unauthenticated");
  }
  if (status === 200) expect(answer.challenge).toBe("");
  if (sent.length > 40) expect(JSON.stringify([record, answer.body, answer.challenge, o.upstream.requests.at(-1)])).not.toContain(sent.slice(-40));
});
