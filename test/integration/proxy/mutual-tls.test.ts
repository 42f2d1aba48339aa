import { X509Certificate } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { Agent, request } from "undici";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { proxyConfigSchema } from "../../../proxy/config.ts";
import { followTls, readTls } from "../../../proxy/transport/tls.ts";
import { createAuthority, type Certificate } from "../../support/certificates.ts";
import { startOtlpSink } from "../../support/otlp-sink.ts";
import { httpServer, startProxyApp, testKeys, type TestProxy } from "../../support/proxy-app.ts";
import { signalbox } from "../../support/run-command.ts";
import { startStack } from "../../support/stack.ts";
import { startStubUpstream, type StubUpstream } from "../../support/stub-upstream.ts";
import { waitFor } from "../../support/wait.ts";

const authority = createAuthority("authority");
const stranger = createAuthority("stranger");
const listener = authority.issue({ commonName: "signalbox", ips: ["127.0.0.1"] });
const uri = "spiffe://example.org/agent/build";
const fingerprint = ({ cert }: Certificate): string => new X509Certificate(cert).fingerprint256.replaceAll(":", "").toLowerCase();

const of = {
  uri: authority.issue({ commonName: "anything", uris: [uri] }),
  dns: authority.issue({ commonName: "anything", dns: ["Release.agents.example.org"] }),
  commonName: authority.issue({ commonName: "triage-agent" }),
  pinned: authority.issue({ commonName: "pinned" }),
  nobody: authority.issue({ commonName: "nobody", uris: [`${uri}/other`], dns: ["example.org"] }),
  forged: stranger.issue({ commonName: "triage-agent", uris: [uri] }),
  expired: authority.issue({ commonName: "triage-agent", from: new Date("2020-01-01"), to: new Date("2021-01-01") }),
};
const clients = [
  { uri, agent: "build", principal: "ci", taskClass: "release", servers: ["fixture"] },
  { dns: "release.agents.example.org", agent: "release" },
  { commonName: "triage-agent", agent: "triage" },
  { fingerprint: fingerprint(of.pinned), agent: "pinned" },
];

const dir = mkdtempSync(join(tmpdir(), "signalbox-tls-"));
afterAll(() => rmSync(dir, { recursive: true }));
const write = (name: string, text: string): string => {
  writeFileSync(join(dir, `${name}.new`), text);
  renameSync(join(dir, `${name}.new`), join(dir, name));
  return name;
};

interface Said {
  readonly status: number;
  readonly body: string;
}

const agents: Agent[] = [];
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.destroy()));
});

function agentOf(client: Certificate | null): Agent {
  const agent = new Agent({ connections: 1, connect: { ca: authority.cert, ...(client ? { cert: client.cert, key: client.key } : {}) } });
  agents.push(agent);
  return agent;
}

async function call(url: string, dispatcher: Agent, headers: Record<string, string> = {}): Promise<Said> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "read", arguments: {} } });
  const answer = await request(url, { dispatcher, method: "POST", headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers }, body });
  return { status: answer.statusCode, body: await answer.body.text() };
}

describe("a caller's certificate", () => {
  const clock = manualClock(Date.now());
  /** What the files hold is handed over; only that there are some matters to the configuration. */
  const inForce = { certificate: "cert.pem", privateKey: "key.pem", clientCa: "ca.pem" };
  let upstream: StubUpstream;
  let proxy: TestProxy;
  beforeEach(async () => {
    upstream = await startStubUpstream();
    await start();
  });
  afterEach(async () => {
    await proxy.stop();
    await upstream.stop();
  });

  async function start(more: object = {}): Promise<void> {
    await proxy?.stop();
    proxy = await startProxyApp({ servers: [httpServer(upstream.url), httpServer(upstream.url, { name: "other" })], clock, tls: { cert: listener.cert, key: listener.key, ca: authority.cert }, config: { tls: inForce, clientCertificates: { clients, ...more } } });
  }
  const last = () => proxy.audit.records.at(-1)!;

  test.each([
    ["a URI", of.uri, { agent: "build", principal: "ci", taskClass: "release" }],
    ["a DNS name", of.dns, { agent: "release", principal: "release" }],
    ["the common name", of.commonName, { agent: "triage" }],
    ["its fingerprint", of.pinned, { agent: "pinned" }],
  ])("is known by %s, checked in the handshake, for every request on its connection", async (_, client, identity) => {
    const agent = agentOf(client);
    for (let i = 0; i < 2; i++) {
      expect((await call(proxy.url, agent)).status).toBe(200);
      expect(last()).toMatchObject({ ...identity, decision: "allow", credentialId: `x5-${fingerprint(client).slice(0, 16)}` });
    }
  });

  test.each<[string, Certificate | null]>([
    ["one of nobody who is configured", of.nobody],
    ["one that another authority made", of.forged],
    ["one that is over", of.expired],
    ["none", null],
  ])("that is %s lets nobody in", async (_, client) => {
    expect((await call(proxy.url, agentOf(client))).status).toBe(401);
    expect(last()).toMatchObject({ agent: "", reason: "unauthenticated" });
    expect(upstream.requests).toHaveLength(0);
  });

  test("is for its servers, and for its time also on a connection that is open already", async () => {
    const agent = agentOf(of.uri);
    expect((await call(`${proxy.baseUrl}/mcp/other`, agent)).status).toBe(200);
    expect(last()).toMatchObject({ decision: "deny", reason: "out_of_scope" });
    expect((await call(proxy.url, agent)).status).toBe(200);
    clock.advanceMs(366 * 86_400_000);
    expect((await call(proxy.url, agent)).status).toBe(401);
    clock.advanceMs(-366 * 86_400_000);
  });

  test("stands behind a credential that the caller sends, and a key needs none", async () => {
    expect((await call(proxy.url, agentOf(of.uri), { "x-api-key": testKeys.alice })).status).toBe(200);
    expect(last().agent).toBe("alice");
    expect((await call(proxy.url, agentOf(null), { "x-api-key": testKeys.alice })).status).toBe(200);
    expect((await call(proxy.url, agentOf(of.uri), { authorization: "Bearer nobody" })).status).toBe(401);
  });

  test("in a header is not believed because its sender has a certificate of its own", async () => {
    const header = `:${new X509Certificate(of.uri.cert).raw.toString("base64")}:`;
    expect((await call(proxy.url, agentOf(of.commonName), { "client-cert": header })).status).toBe(200);
    expect(last().agent).toBe("triage");
    await start({ trustedProxies: ["127.0.0.1"] });
    expect((await call(proxy.url, agentOf(of.commonName), { "client-cert": header })).status).toBe(200);
    expect(last().agent).toBe("build");
  });
});

describe("TLS files", () => {
  const names = { certificate: "cert.pem", privateKey: "key.pem", clientCa: "ca.pem" };
  const good = (): void => {
    write("cert.pem", listener.cert);
    write("key.pem", listener.key);
    write("ca.pem", authority.cert);
  };

  test.each<[string, () => void, string]>([
    ["a certificate that is not there", () => rmSync(join(dir, "cert.pem")), "cert.pem"],
    ["a certificate that is none", () => write("cert.pem", "hello"), "cert.pem"],
    ["a key that is none", () => write("key.pem", listener.cert), "key.pem"],
    ["a key of another certificate", () => write("key.pem", of.uri.key), "key.pem"],
    ["an authority that is none", () => write("ca.pem", ""), "ca.pem"],
  ])("with %s are refused, and the file is named", (_, spoil, file) => {
    good();
    expect(readTls(names, dir)).toEqual({ cert: listener.cert, key: listener.key, ca: authority.cert });
    spoil();
    let said = "";
    try {
      readTls(names, dir);
    } catch (error) {
      said = JSON.stringify(error) + String(error);
    }
    expect(said).toContain(file);
    expect(said).not.toContain("PRIVATE KEY");
  });

  test("that change are in force for new connections, once the new ones belong together", async () => {
    good();
    const server = createServer({ ...readTls(names, dir), requestCert: true, rejectUnauthorized: false }, (_request, response) => void response.end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const following = followTls({ config: names, baseDir: dir, server, logger: silentLogger, everyMs: 10 });
    const served = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect({ port, host: "127.0.0.1", ca: authority.cert }, () => {
          resolve(socket.getPeerX509Certificate()!.fingerprint256);
          socket.destroy();
        }).on("error", reject);
      });
    const renewed = authority.issue({ commonName: "signalbox", ips: ["127.0.0.1"] });
    const [before, after] = [listener, renewed].map(({ cert }) => new X509Certificate(cert).fingerprint256);
    expect(await served()).toBe(before);
    write("key.pem", renewed.key);
    // The key alone fits nothing: the old pair goes on.
    expect(await served()).toBe(before);
    write("cert.pem", renewed.cert);
    await waitFor("the new certificate", async () => (await served()) === after, { everyMs: 10 });
    await following.stop();
    await new Promise((resolve) => (server.close(resolve), server.closeAllConnections()));
  });

  test.each([
    ["nobody whose certificate is believed", { clientCertificates: { clients } }, "clientCertificates.trustedProxies"],
    ["an authority for clients that stand for nobody", { tls: names }, "tls.clientCa"],
  ])("a configuration with %s is refused", (_, config, path) => {
    expect(proxyConfigSchema.safeParse(config).error!.issues.map((issue) => issue.path.join("."))).toEqual([path]);
  });
});

test("the program's workers speak TLS, know an agent by its certificate, and the command line reaches them", async () => {
  const upstream = await startStubUpstream();
  const sink = await startOtlpSink();
  const files = Object.fromEntries(Object.entries({ certificate: listener.cert, privateKey: listener.key, clientCa: authority.cert }).map(([name, text]) => [name, join(dir, write(`stack-${name}.pem`, text))]));
  const stack = await startStack({
    roles: ["proxy"],
    servers: [httpServer(upstream.url) as Record<string, unknown>],
    rules: [{ id: "all", effect: "allow", match: { agents: ["build"], servers: ["fixture"], methods: ["*"] } }],
    agents: ["ops"],
    keyRoles: { ops: ["operator"] },
    config: { collector: { url: sink.url }, proxy: { workers: 2, tls: files, clientCertificates: { clients } } },
  });
  try {
    const url = `${stack.proxyUrl.replace("http:", "https:")}/mcp/fixture`;
    for (let i = 0; i < 4; i++) expect((await call(url, agentOf(of.uri))).status).toBe(200);
    expect((await call(url, agentOf(of.forged))).status).toBe(401);
    const env = { SIGNALBOX_KEY: stack.keys.get("ops")! };
    const listing = (more: Record<string, string>) => signalbox(["--config", stack.configFile, "task", "list"], { cwd: stack.dir, env: { ...env, ...more } });
    expect((await listing({ NODE_EXTRA_CA_CERTS: files.clientCa! })).stdout).toBe("no tasks\n");
    expect((await listing({})).stderr).toContain("NODE_EXTRA_CA_CERTS");
  } finally {
    await stack.stop();
    await sink.stop();
    await upstream.stop();
  }
});
