import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { FixtureHttpServer } from "../../fixtures/mcp-server/http.ts";
import { startFixture } from "../../support/mcp-fixture.ts";
import { asAlice, httpServer, startProxyApp, type TestProxy } from "../../support/proxy-app.ts";
import { actor, ben } from "../../unit/people/control.ts";

let upstream: FixtureHttpServer;
let proxy: TestProxy;
let policyVersion: string;
const clients: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  policyVersion = "p1";
  upstream = await startFixture();
  const hold = { decision: "hold", reason: "rule", policyIds: ["hold.echo"], message: "Echoes need a second pair of eyes." } as const;
  proxy = await startProxyApp({
    servers: [httpServer(upstream.url, { tools: { echo: { effect: "write" } } })],
    decide: ({ method }) => ({ policyVersion, ...(method === "tools/call" ? hold : {}) }),
  });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await proxy.stop();
  await upstream.stop();
});

async function oldClient(): Promise<Client> {
  const client = new Client({ name: "old", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(new URL(proxy.url), { requestInit: { headers: asAlice } }));
  clients.push(client);
  return client;
}

/** A client whose user is asked by `elicit`. */
async function newClient(elicit?: (message: string) => Promise<"accept" | "decline">): Promise<ModernClient> {
  const capabilities = elicit ? { elicitation: { form: {} } } : {};
  const client = new ModernClient({ name: "new", version: "1" }, { versionNegotiation: { mode: "auto" }, capabilities });
  if (elicit) client.setRequestHandler("elicitation/create", async (request) => ({ action: await elicit(request.params.message), content: {} }));
  await client.connect(new ModernTransport(new URL(proxy.url), { requestInit: { headers: asAlice } }));
  clients.push(client);
  return client;
}

const echo = (text: string) => ({ name: "echo", arguments: { text } });
const textOf = (result: unknown): string => (result as { content: { text: string }[] }).content[0]!.text;
const pending = (): string[] => [...proxy.control.state.approvals.keys()];
const decide = (verdict: string, by = ben) => proxy.control.submit({ kind: "approval.decide", approvalId: pending().at(-1)!, verdict }, by);
const outcomes = () => proxy.audit.records.filter((r) => r.method === "tools/call").map((r) => `${r.decision} ${r.outcome} ${r.approvalId}`);

it("holds a call of an old-era client, lets it through once when it is approved, and holds it again after that", async () => {
  const client = await oldClient();
  const held = await client.callTool(echo("x"));
  expect(held.isError).toBe(true);
  const [id] = pending();
  expect(textOf(held)).toContain(`Approval ${id} is pending`);
  expect(textOf(await client.callTool(echo("x")))).toContain(`Approval ${id} is pending`);
  expect(pending()).toEqual([id]);

  expect(await decide("approve")).toMatchObject({ ok: true });
  expect(textOf(await client.callTool(echo("y")))).toContain("is pending");
  expect((await client.callTool(echo("x"))).isError ?? false).toBe(false);
  expect(textOf(await client.callTool(echo("x")))).toContain("is pending");
  const [, other, again] = pending();
  expect(outcomes()).toEqual([`hold held ${id}`, `hold held ${id}`, `hold held ${other}`, `allow ok ${id}`, `hold held ${again}`]);
});

it("refuses what a person denied, with that as the reason", async () => {
  const client = await oldClient();
  await client.callTool(echo("x"));
  await decide("deny");
  const refused = await client.callTool(echo("x"));
  expect(textOf(refused)).toContain("approval_denied");
  expect(proxy.audit.records.at(-1)).toMatchObject({ decision: "deny", outcome: "denied", reason: "approval_denied", approvalId: pending()[0] });
});

it("asks anew when the rules have changed since", async () => {
  const client = await oldClient();
  await client.callTool(echo("x"));
  await decide("approve");
  policyVersion = "p2";
  expect(textOf(await client.callTool(echo("x")))).toContain(`Approval ${pending()[1]} is pending`);
});

it("forwards an approved call once, of many that come at the same time", async () => {
  const all = await Promise.all(Array.from({ length: 6 }, oldClient));
  await all[0]!.callTool(echo("x"));
  await decide("approve");
  const results = await Promise.all(all.map((client) => client.callTool(echo("x"))));
  expect(results.filter((r) => r.isError !== true)).toHaveLength(1);
  expect(outcomes().filter((o) => o.startsWith("allow ok"))).toHaveLength(1);
});

it("asks a new-era client's user to wait, and answers the same call when somebody else has approved it meanwhile", async () => {
  const asked: string[] = [];
  const client = await newClient(async (message) => {
    asked.push(message);
    await decide("approve");
    return "accept";
  });
  const result = await client.callTool(echo("x"));
  expect(result.isError ?? false).toBe(false);
  expect(asked).toEqual([expect.stringContaining(`Approval ${pending()[0]} is pending`)]);
  expect(outcomes()).toEqual([`hold held ${pending()[0]}`, `allow ok ${pending()[0]}`]);
});

it("tells a new-era client whose user answers too early, or gives up, to come back later", async () => {
  for (const action of ["accept", "decline"] as const) {
    let rounds = 0;
    const client = await newClient(async () => (rounds++, action));
    const result = await client.callTool(echo(action)).catch((error: unknown) => error);
    if (!(result instanceof Error)) expect(textOf(result)).toContain("is pending");
    expect(rounds).toBe(1);
  }
});

it("tells a new-era client that can ask nobody in text", async () => {
  const result = await (await newClient()).callTool(echo("x"));
  expect(result.isError).toBe(true);
  expect(textOf(result)).toContain("is pending");
});

it("lets the caller approve nothing for itself, whatever its roles", async () => {
  const client = await oldClient();
  await client.callTool(echo("x"));
  for (const who of [actor("user:alice", "approver"), { principal: "else", agent: "alice", roles: ["approver" as const] }]) {
    expect(await decide("approve", who)).toMatchObject({ ok: false, code: "E_SELF_APPROVAL" });
  }
  expect(textOf(await client.callTool(echo("x")))).toContain("is pending");
});

it("lets an exception through at once and ends it at once", async () => {
  const client = await oldClient();
  const granted = await proxy.control.submit({ kind: "exception.grant", scope: { agent: "alice", server: "fixture" }, reason: "migration", expiresInMs: 3600_000 }, actor("olga", "operator"));
  const { exceptionId } = (granted as unknown as { result: { exceptionId: string } }).result;
  expect((await client.callTool(echo("x"))).isError ?? false).toBe(false);
  expect(proxy.audit.records.at(-1)).toMatchObject({ decision: "allow", basis: "exception", reason: "exception", exceptionId, policyIds: ["hold.echo"] });
  await proxy.control.submit({ kind: "exception.revoke", exceptionId }, ben);
  expect(textOf(await client.callTool(echo("x")))).toContain("is pending");
});
