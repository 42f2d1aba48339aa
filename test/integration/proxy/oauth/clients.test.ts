import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2, UnauthorizedError as UnauthorizedV2 } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { UnauthorizedError as UnauthorizedV1 } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { desktop, startAuthorizationServer, type AuthorizationServer } from "../../../support/authorization-server.ts";
import { browse } from "../../../support/browse.ts";
import { startFixture } from "../../../support/mcp-fixture.ts";
import { startOtlpSink } from "../../../support/otlp-sink.ts";
import { httpServer } from "../../../support/proxy-app.ts";
import { freePorts, startStack, type Stack } from "../../../support/stack.ts";

/** The real proxy with its workers, a real authorization server, and clients that other people wrote. */
let as: AuthorizationServer;
let stack: Stack;
let url: string;
const running: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  as = await startAuthorizationServer();
  const upstream = await startFixture();
  const sink = await startOtlpSink();
  stack = await startStack({
    roles: ["proxy"],
    servers: [httpServer(upstream.url, { tools: { echo: { effect: "write" }, test_simple_text: { effect: "read" } } }) as Record<string, unknown>],
    // Who logged in is known by name: the rule is for that person, whatever the client is called.
    rules: [{ id: "ana", effect: "allow", match: { servers: ["fixture"], methods: ["*"] }, when: 'principal == "ana"' }],
    agents: ["somebody"],
    config: {
      collector: { url: sink.url },
      proxy: { oauth: { issuers: [{ issuer: as.issuer }], scopes: [{ scopes: ["mcp:use"] }, { effects: ["write"], scopes: ["tickets:write"] }] } },
    },
  });
  url = `${stack.proxyUrl}/mcp/fixture`;
  running.push(as, upstream, sink, { stop: () => stack.stop() });
});
afterAll(async () => {
  for (const one of running.reverse()) await one.stop();
});

/** What a client of the SDK keeps between its steps; the two lines of the SDK ask for the same members. */
function memory() {
  const kept: { tokens?: any; verifier?: string; discovery?: any; asked: URL[] } = { asked: [] };
  return {
    kept,
    redirectUrl: desktop.redirectUri,
    clientMetadata: { redirect_uris: [desktop.redirectUri] },
    clientInformation: () => ({ client_id: desktop.clientId }),
    tokens: () => kept.tokens,
    saveTokens: (tokens: unknown) => void (kept.tokens = tokens),
    redirectToAuthorization: (to: URL) => void kept.asked.push(to),
    saveCodeVerifier: (verifier: string) => void (kept.verifier = verifier),
    codeVerifier: () => kept.verifier ?? "",
    saveDiscoveryState: (state: unknown) => void (kept.discovery = state),
    discoveryState: () => kept.discovery,
  };
}

const textOf = (result: unknown): unknown => (result as { content: { text: string }[] }).content[0]!.text;

test.each([
  {
    client: "the SDK's client, first line",
    make: (authProvider: any) => ({ client: new ClientV1({ name: "v1", version: "1" }), transport: new TransportV1(new URL(url), { authProvider }) }),
    unauthorized: UnauthorizedV1,
    finish: (transport: any, back: URL) => transport.finishAuth(back.searchParams.get("code")),
  },
  {
    client: "the SDK's client, second line",
    make: (authProvider: any) => ({ client: new ClientV2({ name: "v2", version: "1" }), transport: new TransportV2(new URL(url), { authProvider }) }),
    unauthorized: UnauthorizedV2,
    finish: (transport: any, back: URL) => transport.finishAuth(back.searchParams),
  },
])("$client logs in, works, and asks for the scope that a write needs when it needs it", async ({ make, unauthorized, finish }) => {
  const provider = memory();
  const first = make(provider);
  await expect(first.client.connect(first.transport as never)).rejects.toBeInstanceOf(unauthorized);
  // The client found everything by itself: the challenge, the metadata, the authorization server, and the resource to ask for.
  const [asked] = provider.kept.asked;
  expect({ scope: asked!.searchParams.get("scope"), resource: asked!.searchParams.get("resource"), issuer: asked!.origin }).toEqual({ scope: "mcp:use", resource: url, issuer: as.issuer });
  await finish(first.transport, await browse(asked!));
  await first.client.close();

  const { client, transport } = make(provider);
  await client.connect(transport as never);
  expect((await client.listTools()).tools.map((tool: { name: string }) => tool.name)).toContain("echo");
  expect(textOf(await client.callTool({ name: "test_simple_text", arguments: {} }))).toContain("simple text");
  await expect(client.callTool({ name: "echo", arguments: { text: "up main line" } })).rejects.toBeInstanceOf(unauthorized);
  const stepUp = provider.kept.asked.at(-1)!;
  expect(stepUp.searchParams.get("scope")!.split(" ").sort()).toEqual(["mcp:use", "tickets:write"]);
  await finish(transport, await browse(stepUp));
  expect(textOf(await client.callTool({ name: "echo", arguments: { text: "up main line" } }))).toBe("up main line");
  await client.close();
});

const mcpRemote = join(dirname(createRequire(import.meta.url).resolve("mcp-remote/package.json")), "dist/proxy.js");

test("mcp-remote registers itself, logs in and lets a client of standard input and output work", async () => {
  const home = mkdtempSync(join(tmpdir(), "signalbox-mcp-remote-"));
  const [port] = await freePorts(1);
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [mcpRemote, url, String(port)],
    // No browser is to be found, so that the address is only written; the login is a person's, which is us.
    env: { HOME: home, MCP_REMOTE_CONFIG_DIR: home, PATH: "/nonexistent" },
    stderr: "pipe",
  });
  let log = "";
  let opened: Promise<unknown> | undefined;
  transport.stderr!.on("data", (chunk: Buffer) => {
    log += chunk.toString();
    const address = /visiting:\s+(http\S+)\s/.exec(log)?.[1];
    if (address !== undefined) opened ??= browse(address).then((back) => fetch(back));
  });
  const client = new ClientV2({ name: "behind mcp-remote", version: "1" });
  try {
    // Sooner than the test's own end, so that what mcp-remote said is seen.
    await client.connect(transport, { timeout: 45_000 });
    await opened;
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain("echo");
    expect(textOf(await client.callTool({ name: "test_simple_text", arguments: {} }))).toContain("simple text");
  } catch (error) {
    throw new Error(`mcp-remote said:\n${log}`, { cause: error });
  } finally {
    await client.close();
    rmSync(home, { recursive: true, force: true });
  }
});
