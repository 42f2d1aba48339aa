import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { clientCertificatesSchema } from "../../../proxy/identity/client-certificates.ts";
import { httpServer, startProxyApp, testKeys, type TestProxy } from "../../support/proxy-app.ts";
import { startStubUpstream, type StubUpstream } from "../../support/stub-upstream.ts";

const pem = (name: string): string => readFileSync(new URL(`../../fixtures/client-certificates/${name}.pem`, import.meta.url), "utf8");
const der = (name: string): Buffer => new X509Certificate(pem(name)).raw;
const asDer = (name: string): string => `:${der(name).toString("base64")}:`;
const fingerprint = (name: string): string => new X509Certificate(pem(name)).fingerprint256.replaceAll(":", "").toLowerCase();

let upstream: StubUpstream;
let proxy: TestProxy;
const clock = manualClock(Date.UTC(2027, 0, 1));
beforeEach(async () => {
  upstream = await startStubUpstream();
});
afterEach(async () => {
  await proxy.stop();
  await upstream.stop();
});

const clients = [
  { uri: "spiffe://example.org/agent/build", agent: "build", principal: "ci", taskClass: "release", servers: ["fixture"] },
  { commonName: "release-agent", agent: "release" },
];

async function start(clientCertificates: object = {}): Promise<void> {
  proxy = await startProxyApp({ servers: [httpServer(upstream.url), httpServer(upstream.url, { name: "other" })], clock, config: { clientCertificates: { trustedProxies: ["127.0.0.1"], clients, ...clientCertificates } } });
}

async function call(headers: Record<string, string>, server = "fixture") {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "read", arguments: {} } });
  const { status } = await fetch(`${proxy.baseUrl}/mcp/${server}`, { method: "POST", headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers }, body });
  return { status, record: proxy.audit.records.at(-1)! };
}

test.each([
  ["a URI, as RFC 9440 has it", () => asDer("spiffe"), { agent: "build", principal: "ci", taskClass: "release" }, "spiffe"],
  ["a URI, as PEM in percent-encoding", () => encodeURIComponent(pem("spiffe")), { agent: "build" }, "spiffe"],
  ["a common name", () => asDer("common-name"), { agent: "release", principal: "release" }, "common-name"],
])("a client is known by %s", async (_, value, identity, name) => {
  await start();
  const { status, record } = await call({ "client-cert": value() });
  expect(status).toBe(200);
  expect(record).toMatchObject({ ...identity, credentialId: `x5-${fingerprint(name).slice(0, 16)}` });
  expect(upstream.requests[0]!.headers["client-cert"]).toBeUndefined();
});

test("a client is known by its certificate alone, where the configuration has its fingerprint", async () => {
  await start({ clients: [{ fingerprint: fingerprint("stranger"), agent: "pinned" }] });
  expect((await call({ "client-cert": asDer("stranger") })).record.agent).toBe("pinned");
  expect((await call({ "client-cert": asDer("spiffe") })).status).toBe(401);
});

test.each([
  ["of nobody who is configured", () => asDer("stranger")],
  ["whose one name contains another's", () => asDer("tricky")],
  ["that is none", () => ":AAAA:"],
  ["that is cut off", () => asDer("spiffe").slice(0, -1)],
  ["in an encoding that is broken", () => "%E0%A4%A"],
])("a certificate %s lets nobody in", async (_, value) => {
  await start();
  expect(await call({ "client-cert": value() })).toMatchObject({ status: 401, record: { agent: "", reason: "unauthenticated" } });
});

test("the header is believed from the proxies that are listed, and from nobody else", async () => {
  await start({ trustedProxies: ["10.0.0.7", "10.1.0.0/16", "::1"] });
  expect((await call({ "client-cert": asDer("spiffe") })).status).toBe(401);
});

test.each(["127.0.0.0/8", "127.0.0.1/32"])("a range may stand for them: %s", async (range) => {
  await start({ trustedProxies: [range] });
  expect((await call({ "client-cert": asDer("spiffe") })).status).toBe(200);
});

test("a certificate is for its time and for its servers", async () => {
  await start();
  expect(await call({ "client-cert": asDer("spiffe") }, "other")).toMatchObject({ record: { decision: "deny", reason: "out_of_scope" } });
  clock.advanceMs(20 * 365 * 86_400_000);
  expect((await call({ "client-cert": asDer("spiffe") })).status).toBe(401);
  clock.advanceMs(-20 * 365 * 86_400_000);
});

test("a credential that the caller sends itself goes before it", async () => {
  await start();
  expect((await call({ "client-cert": asDer("spiffe"), "x-api-key": testKeys.alice })).record.agent).toBe("alice");
  expect((await call({ "client-cert": asDer("spiffe"), authorization: "Bearer nobody" })).status).toBe(401);
});

test.each([
  ["a name for an address", { trustedProxies: ["proxy.example.org"] }],
  ["a range that is too wide a number", { trustedProxies: ["10.0.0.0/33"] }],
  ["a client that is known by two things", { clients: [{ uri: "spiffe://a/b", commonName: "c", agent: "x" }] }],
  ["a name with a wildcard", { clients: [{ dns: "*.example.org", agent: "x" }] }],
  ["a client that is known by nothing", { clients: [{ agent: "x" }] }],
])("%s is refused", async (_, more) => {
  await start();
  expect(clientCertificatesSchema.safeParse({ trustedProxies: ["127.0.0.1"], clients, ...more }).success).toBe(false);
});
