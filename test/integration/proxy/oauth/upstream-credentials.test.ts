import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt } from "jose";
import { afterEach, expect, test } from "vitest";
import { introspecting } from "../../../support/authorization-server.ts";
import { httpServer, testKeys } from "../../../support/proxy-app.ts";
import { bearer, startOAuthProxy, type OAuthProxy } from "./oauth-proxy.ts";

let o: OAuthProxy;
afterEach(() => o.stop());

const asKey = { "x-api-key": testKeys.alice };
const client = { clientId: introspecting.clientId, clientSecret: "${env:INTROSPECTION_SECRET}" };
const sent = (): string => (o.upstream.requests.at(-1)?.headers.authorization ?? "").replace(/^Bearer /, "");
const asked = (): number => o.as.requests.filter((path) => path === "/token").length;
const last = () => o.proxy.audit.records.at(-1)!;

/** A proxy whose one server, `tickets`, is reached with a credential. */
async function start(credential: (as: string) => object, env: Record<string, string> = {}, entry: Record<string, unknown> = {}): Promise<void> {
  o = await startOAuthProxy({
    env: { INTROSPECTION_SECRET: introspecting.clientSecret, ...env },
    serversOf: ({ as, upstream }) => [httpServer(upstream.url, { name: "tickets", tools: { read: { effect: "read" } }, credential: { name: "tickets-token", ...credential(as.issuer) }, ...entry })],
  });
}

test("a static secret is sent from where it is, and what the caller sent is not", async () => {
  await start(() => ({ secret: "${env:TICKETS}" }), { TICKETS: "upstream-secret" });
  expect((await o.call(asKey)).status).toBe(200);
  expect(sent()).toBe("upstream-secret");
  expect((await o.call(bearer(await o.as.sign(o.claims())))).status).toBe(200);
  expect(sent()).toBe("upstream-secret");
  expect(JSON.stringify(o.proxy.audit.records)).not.toContain("upstream-secret");
});

test("a secret in a file is changed without a start, and at once where the old one is refused", async () => {
  const dir = mkdtempSync(join(tmpdir(), "signalbox-secret-"));
  const file = join(dir, "secret");
  writeFileSync(file, "first\n");
  await start(() => ({ secret: `\${file:${file}}` }));
  await o.call(asKey);
  writeFileSync(file, "second\n");
  await o.call(asKey);
  expect(sent()).toBe("first");
  o.clock.advanceMs(10_000);
  await o.call(asKey);
  expect(sent()).toBe("second");

  writeFileSync(file, "third\n");
  o.upstream.answer = (_request, response) => void response.writeHead(401, { "www-authenticate": 'Bearer resource_metadata="https://upstream.example"' }).end();
  const refused = await o.call(asKey);
  // It is our credential that was refused: the caller is not sent to log in anywhere.
  expect([refused.status, refused.challenge]).toEqual([502, ""]);
  await o.call(asKey);
  expect(sent()).toBe("third");
  rmSync(dir, { recursive: true });
});

test("the proxy has a token issued for the upstream, once for all calls, and another one before it expires", async () => {
  await start((issuer) => ({ oauth: { issuer, ...client, scopes: ["tickets:write"] } }));
  expect(new Set((await Promise.all(Array.from({ length: 10 }, () => o.call(asKey)))).map((answer) => answer.status))).toEqual(new Set([200]));
  expect(decodeJwt(sent())).toMatchObject({ aud: o.upstream.url, client_id: introspecting.clientId, scope: "tickets:write" });
  expect(asked()).toBe(1);
  const before = sent();
  o.clock.advanceMs(86_400_000 - 30_000);
  await o.call(asKey);
  expect(asked()).toBe(2);
  expect(sent()).not.toBe(before);
});

test("a caller's token is exchanged for one of the upstream, for that caller alone; the caller's own goes to the issuer only", async () => {
  await start((issuer) => ({ oauth: { issuer, ...client, grant: "token_exchange" } }));
  for (const sub of ["ana", "ben"]) {
    const token = await o.as.sign(o.claims({ sub }));
    for (let i = 0; i < 3; i++) expect((await o.call(bearer(token))).status).toBe(200);
    expect(decodeJwt(sent())).toMatchObject({ sub, aud: o.upstream.url, act: { sub: introspecting.clientId } });
    expect(JSON.stringify(o.upstream.requests)).not.toContain(token);
  }
  expect(asked()).toBe(2);
  const before = o.upstream.requests.length;
  expect((await o.call(asKey)).status).toBe(502);
  expect(last()).toMatchObject({ outcome: "transport_error", errorType: "upstream_credential" });
  expect(o.upstream.requests).toHaveLength(before);
});

test.each([
  ["a variable that is not set", () => ({ secret: "${env:NOWHERE}" }), {}],
  ["a file that is not there", () => ({ secret: "${file:/nowhere/at/all}" }), {}],
  ["a client secret that is wrong", (issuer: string) => ({ oauth: { issuer, ...client } }), { INTROSPECTION_SECRET: "wrong" }],
])("%s: nothing is forwarded, and the record says why", async (_, credential, env) => {
  await start(credential as (as: string) => object, env, { riskTier: "high" });
  const { status, body } = await o.call(asKey);
  expect([status, body.error.message]).toEqual([502, "The proxy could not get its own credential for this server."]);
  expect(o.upstream.requests).toHaveLength(0);
  expect(last()).toMatchObject({ outcome: "transport_error", errorType: "upstream_credential" });
});
