import { afterEach, describe, expect, test } from "vitest";
import { systemActor } from "../../../../proxy/state/command.ts";
import { openTask } from "../../../../proxy/tasks/open-task.ts";
import { startAuthorizationServer, type AuthorizationServer } from "../../../support/authorization-server.ts";
import { testKeys } from "../../../support/proxy-app.ts";
import { answerJson, idOf } from "../../../support/stub-upstream.ts";
import { bearer, startOAuthProxy, type OAuthProxy } from "./oauth-proxy.ts";

let o: OAuthProxy;
let other: AuthorizationServer | undefined;
afterEach(async () => {
  await o.stop();
  await other?.stop();
  other = undefined;
});

const introspection = { introspection: { clientId: "signalbox", clientSecret: "${env:INTROSPECTION_SECRET}" } };
const get = (path: string, headers: Record<string, string> = {}): Promise<Response> => fetch(o.proxy.baseUrl + path, { headers });
const last = () => o.proxy.audit.records.at(-1)!;
const asked = (path: string): number => o.as.requests.filter((one) => one === path).length;
const good = async (more: Record<string, unknown> = {}): Promise<Record<string, string>> => bearer(await o.as.sign(o.claims(more)));
const statusOf = async (headers: Record<string, string>): Promise<number> => (await o.call(headers)).status;

describe("metadata", () => {
  test("each server is a resource of its own, and says where tokens for it are to be had", async () => {
    o = await startOAuthProxy();
    for (const server of ["tickets", "files"]) {
      const response = await get(`/.well-known/oauth-protected-resource/mcp/${server}`);
      expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json; charset=utf-8"]);
      expect(await response.json()).toEqual({
        resource: o.resource(server),
        resource_name: server,
        authorization_servers: [o.as.issuer],
        scopes_supported: ["mcp:use"],
        bearer_methods_supported: ["header"],
        authorization_details_types_supported: ["signalbox_task"],
      });
    }
  });

  test.each([
    ["a server that is not registered", "/.well-known/oauth-protected-resource/mcp/none", {}, 404],
    ["the proxy as a whole", "/.well-known/oauth-protected-resource", {}, 404],
    ["something else of the proxy", "/.well-known/oauth-protected-resource/v1/tasks", {}, 404],
    ["another site's page", "/.well-known/oauth-protected-resource/mcp/tickets", { origin: "https://evil.example" }, 403],
  ])("none for %s", async (_, path, headers, status) => {
    o = await startOAuthProxy();
    expect((await get(path, headers)).status).toBe(status);
  });

  test("a request without a token is led to it: the resource there is the URL that was asked", async () => {
    o = await startOAuthProxy();
    const { status, challenge } = await o.call({});
    expect(status).toBe(401);
    expect(challenge).toBe(`Bearer realm="signalbox", scope="mcp:use", resource_metadata="${o.proxy.baseUrl}/.well-known/oauth-protected-resource/mcp/tickets"`);
    const metadata = (await (await fetch(/resource_metadata="([^"]+)"/.exec(challenge)![1]!)).json()) as { resource: string };
    expect(metadata.resource).toBe(o.resource());
  });

  test("under a public URL, metadata and audience are of that URL", async () => {
    o = await startOAuthProxy({ config: { publicUrl: "https://mcp.example.com/proxy/" } });
    const { challenge } = await o.call({});
    expect(challenge).toContain('resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/proxy/mcp/tickets"');
    expect(await statusOf(await good({ aud: "https://mcp.example.com/proxy/mcp/tickets" }))).toBe(200);
    expect(await statusOf(await good())).toBe(401);
    const response = await get("/.well-known/oauth-protected-resource/proxy/mcp/tickets");
    expect(await response.json()).toMatchObject({ resource: "https://mcp.example.com/proxy/mcp/tickets" });
  });
});

describe("what is on record", () => {
  test("who called, for whom, through whom, and for which task; the token is nowhere, and the upstream never sees it", async () => {
    o = await startOAuthProxy();
    const act = { sub: "triage-bot", act: { sub: "planner", act: { sub: "front-desk" } } };
    const token = await o.as.sign(o.claims({ act, task: { id: "T-7", class: "triage", owner: "support" } }));
    expect(await statusOf(bearer(token))).toBe(200);
    expect(last()).toMatchObject({ agent: "triage-bot", principal: "ana", delegation: ["triage-bot", "planner", "front-desk"], taskId: "T-7", taskClass: "triage" });
    expect(last().credentialId).toMatch(/^at-[0-9a-f]{16}$/);
    expect(JSON.stringify([last(), o.upstream.requests])).not.toContain(token);
    expect(o.upstream.requests[0]!.headers.authorization).toBeUndefined();
  });

  test("rules see the task and its owner; a budget is counted by task, whatever the token", async () => {
    const seen: unknown[] = [];
    o = await startOAuthProxy({
      decide: ({ taskId, taskClass, taskOwner }) => {
        seen.push({ taskId, taskClass, taskOwner });
        return {};
      },
    });
    const task = { id: "T-8", class: "triage", owner: "support", budget: { calls: 2 } };
    for (const jti of ["a", "b", "c"]) await o.call(await good({ jti, task }));
    expect(seen[0]).toEqual({ taskId: "T-8", taskClass: "triage", taskOwner: "support" });
    expect(o.proxy.audit.records.map((r) => `${r.decision} ${r.reason}`)).toEqual(["allow rule", "allow rule", "deny budget"]);
  });

  test("a task of the issuer's can be stopped here", async () => {
    o = await startOAuthProxy();
    const headers = await good({ task: "T-9" });
    await o.call(headers);
    await o.proxy.control.submit({ kind: "stop.set", scope: { taskId: "T-9" }, reason: "looking into it" }, { agent: "ops", principal: "ops", roles: ["operator"] });
    await o.call(headers);
    expect(o.proxy.audit.records.map((r) => r.reason)).toEqual(["rule", "stopped"]);
  });

  test("claims are read from where the configuration says, and each issuer speaks under its own prefix", async () => {
    other = await startAuthorizationServer();
    const claims = { agent: "https://partner.example/agent", principal: ["user.email"], taskClass: "kind" };
    o = await startOAuthProxy({ oauth: { issuers: [{ issuer: other.issuer, prefix: "partner:", claims }] } });
    const token = await other.sign(o.claims({ iss: other.issuer, "https://partner.example/agent": "bot", user: { email: "eva@partner.example" }, kind: "billing", act: { sub: "x" }, task: "T-1" }));
    expect(await statusOf(bearer(token))).toBe(200);
    expect(last()).toMatchObject({ agent: "partner:bot", principal: "partner:eva@partner.example", delegation: ["partner:x"], taskId: "partner:T-1", taskClass: "billing" });
  });
});

describe("scopes", () => {
  test("a challenge names every scope that the call needs, those too that the token has", async () => {
    o = await startOAuthProxy();
    const { status, challenge, body } = await o.call(await good({ scope: "mcp:use" }), { tool: "write" });
    expect(status).toBe(403);
    expect(challenge).toContain('error="insufficient_scope"');
    expect(challenge).toContain('scope="mcp:use tickets:write"');
    expect(challenge).toContain(`resource_metadata="${o.proxy.baseUrl}/.well-known/oauth-protected-resource/mcp/tickets"`);
    expect(body.error.data.reason).toBe("insufficient_scope");
    expect(o.upstream.requests).toHaveLength(0);
    expect((await o.call(await good({ scope: "mcp:use tickets:write" }), { tool: "write" })).status).toBe(200);
  });

  test("a rule's scopes are for its servers alone", async () => {
    o = await startOAuthProxy();
    expect((await o.call(await good({ scope: "mcp:use", aud: o.resource("files") }), { server: "files", tool: "write" })).status).toBe(200);
  });

  test("what the rules deny is a result that the model reads, and no challenge: no scope would help", async () => {
    o = await startOAuthProxy({ decide: () => ({ decision: "deny", reason: "rule", message: "Not this one." }) });
    const { status, challenge, body } = await o.call(await good({ scope: "mcp:use" }), { tool: "write" });
    expect({ status, challenge, isError: body.result.isError }).toEqual({ status: 200, challenge: "", isError: true });
  });

  test("a key knows no scopes, and is bounded by what it says itself", async () => {
    o = await startOAuthProxy();
    expect(await statusOf({ authorization: `Bearer ${testKeys.alice}` })).toBe(401);
    expect(await statusOf({ "x-api-key": testKeys.alice })).toBe(200);
    expect((await o.call({ "x-api-key": testKeys.alice }, { tool: "write" })).status).toBe(200);
  });
});

describe("sessions", () => {
  test("one that was begun with a token is nobody else's, nor another agent's of the same person", async () => {
    o = await startOAuthProxy();
    o.upstream.answer = (request, response) => {
      response.setHeader("mcp-session-id", "up-1");
      answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: {} });
    };
    const body = { jsonrpc: "2.0", id: 1, method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "c", version: "1" } } };
    const begun = await o.call(await good(), { body });
    const session = { "mcp-session-id": begun.headers.get("mcp-session-id")! };
    const attempts: [string, Record<string, unknown>, number][] = [
      ["with the token again", {}, 200],
      ["with the next token of the same person and agent", { jti: "t2" }, 200],
      ["another person", { sub: "mallory" }, 404],
      ["another agent of the same person", { client_id: "other-agent" }, 404],
    ];
    for (const [who, claims, status] of attempts) {
      expect([who, await statusOf({ ...(await good(claims)), ...session })]).toEqual([who, status]);
    }
    expect(last()).toMatchObject({ reason: "session_mismatch", agent: "other-agent" });
    expect((await o.call({ ...(await good({ aud: o.resource("files") })), ...session }, { server: "files" })).status).toBe(404);
  });
});

describe("keys of an issuer", () => {
  test("are fetched once, however many tokens and calls there are", async () => {
    o = await startOAuthProxy();
    const headers = await Promise.all(Array.from({ length: 20 }, (_, i) => good({ jti: String(i) })));
    expect(new Set(await Promise.all(headers.map(statusOf)))).toEqual(new Set([200]));
    for (const one of headers) expect(await statusOf(one)).toBe(200);
    expect(asked("/jwks")).toBe(1);
  });

  test("that are new are fetched when a token names one; those that are gone are worth nothing any more", async () => {
    o = await startOAuthProxy();
    const old = await good({ exp: Math.floor(o.clock.nowMs() / 1000) + 86_400 });
    expect(await statusOf(old)).toBe(200);
    await o.as.rotate();
    o.clock.advanceMs(30_000);
    expect(await statusOf(await good())).toBe(200);
    // Checked before and within its minute, but not with the keys that are in force now.
    expect(await statusOf(old)).toBe(401);
    expect(last().reason).toBe("token_invalid");
  });

  test("that are made up make us ask no more often than the configuration says", async () => {
    o = await startOAuthProxy();
    await o.call(await good());
    const madeUp = async (kid: string) => statusOf(bearer(await o.as.sign(o.claims(), { header: { kid } })));
    for (let i = 0; i < 10; i++) expect(await madeUp(`kid-${i}`)).toBe(401);
    expect(asked("/jwks")).toBe(1);
    o.clock.advanceMs(30_000);
    for (let i = 0; i < 10; i++) expect(await madeUp(`late-${i}`)).toBe(401);
    expect(asked("/jwks")).toBe(2);
  });

  test("a key that is withdrawn is noticed although its token was checked before", async () => {
    o = await startOAuthProxy({ oauth: { keysMaxAgeSeconds: 60, verifiedForSeconds: 3600 } });
    const old = await good({ exp: Math.floor(o.clock.nowMs() / 1000) + 86_400 });
    expect(await statusOf(old)).toBe(200);
    await o.as.rotate();
    o.clock.advanceMs(61_000);
    // The first call after that still goes by what was known, and has the keys fetched.
    await o.call(old);
    await expect.poll(async () => statusOf(old)).toBe(401);
  });

  test("while they can't be had nobody is turned away for it, nor let in", async () => {
    o = await startOAuthProxy();
    o.as.outage(true);
    const headers = await good();
    const refused = await o.call(headers);
    expect([refused.status, refused.headers.get("retry-after"), last().reason]).toEqual([503, "5", "identity_unavailable"]);
    o.as.outage(false);
    o.clock.advanceMs(30_000);
    expect(await statusOf(headers)).toBe(200);
  });

  test("stay in use for an hour while the issuer is away, and no longer", async () => {
    o = await startOAuthProxy();
    const far = { exp: Math.floor(o.clock.nowMs() / 1000) + 86_400 };
    await o.call(await good(far));
    o.as.outage(true);
    o.clock.advanceMs(3_000_000);
    expect(await statusOf(await good({ ...far, jti: "2" }))).toBe(200);
    o.clock.advanceMs(1_300_000);
    expect(await statusOf(await good({ ...far, jti: "3" }))).toBe(503);
  });

  test("of metadata that speaks of another issuer are not taken", async () => {
    const spoofed = (issuer: string): typeof fetch => async (input, init) => {
      const response = await fetch(input, init);
      if (!String(input).includes(".well-known")) return response;
      return Response.json({ ...((await response.json()) as object), issuer });
    };
    o = await startOAuthProxy({ fetch: spoofed("https://evil.example") });
    expect(await statusOf(await good())).toBe(503);
    expect(asked("/jwks")).toBe(0);
  });

  test.each([
    ["more than it may be", () => new Response(`{"keys":[],"pad":"${"x".repeat(300_000)}"}`)],
    ["no JSON", () => new Response("<html>")],
    ["no keys", () => Response.json({ jwks: [] })],
  ])("an answer that is %s is none", async (_, answer) => {
    o = await startOAuthProxy({ fetch: async (input, init) => (String(input).endsWith("/jwks") ? answer() : fetch(input, init)) });
    expect(await statusOf(await good())).toBe(503);
  });

  test("a redirect is not followed, not even to the keys", async () => {
    o = await startOAuthProxy({ fetch: (input, init) => fetch(String(input).endsWith("/jwks") ? o.upstream.url : input, init) });
    o.upstream.answer = (_request, response) => void response.writeHead(302, { location: `${o.as.issuer}/jwks` }).end();
    expect(await statusOf(await good())).toBe(503);
    expect([o.upstream.requests.length, asked("/jwks")]).toEqual([1, 0]);
  });

  test("the algorithms that are accepted are those of the configuration", async () => {
    o = await startOAuthProxy({ issuer: { algorithms: ["ES256"] } });
    const [rsa, ec] = o.as.keys;
    expect(await statusOf(bearer(await o.as.sign(o.claims(), { key: rsa! })))).toBe(401);
    expect(await statusOf(bearer(await o.as.sign(o.claims(), { key: ec! })))).toBe(200);
  });
});

describe("configured audiences and servers", () => {
  test("an audience of the issuer's choice stands in place of the URL", async () => {
    o = await startOAuthProxy({ issuer: { audience: ["api://mcp/{server}"] } });
    expect(await statusOf(await good({ aud: "api://mcp/tickets" }))).toBe(200);
    expect(await statusOf(await good({ aud: "api://mcp/files" }))).toBe(401);
    expect(await statusOf(await good())).toBe(401);
  });

  test("an issuer is for the servers that it is configured for", async () => {
    o = await startOAuthProxy({ issuer: { servers: ["files"] } });
    expect(await statusOf(await good())).toBe(401);
    expect((await o.call(await good({ aud: o.resource("files") }), { server: "files" })).status).toBe(200);
    expect(await (await get("/.well-known/oauth-protected-resource/mcp/tickets")).json()).toMatchObject({ authorization_servers: [] });
  });
});

test("a token that expires is refused at once, although it counted as checked", async () => {
  o = await startOAuthProxy();
  const headers = await good({ exp: Math.floor(o.clock.nowMs() / 1000) + 10 });
  // What is checked while the keys come in is checked again; from the second call on it is remembered.
  for (let i = 0; i < 2; i++) expect(await statusOf(headers)).toBe(200);
  // Ten seconds and the tolerance, within the minute for which it is remembered.
  o.clock.advanceMs(41_000);
  expect([await statusOf(headers), last().reason]).toEqual([401, "token_expired"]);
});

describe("introspection", () => {
  test("an opaque token is good for its server, and its issuer is asked once in a while", async () => {
    o = await startOAuthProxy({ issuer: introspection });
    o.as.format = "opaque";
    const token = bearer(await o.as.issue(o.resource()));
    expect(await statusOf(token)).toBe(200);
    expect(last()).toMatchObject({ agent: "build-agent", principal: "build-agent" });
    for (let i = 0; i < 5; i++) await o.call(token);
    expect(asked("/token/introspection")).toBe(1);
    o.clock.advanceMs(30_000);
    await o.call(token);
    expect(asked("/token/introspection")).toBe(2);
    expect((await o.call(token, { server: "files" })).status).toBe(401);
    expect(last().reason).toBe("token_audience");
  });

  test("a token that was revoked is refused once it is asked about again, and one of nobody's at once", async () => {
    o = await startOAuthProxy({ issuer: introspection });
    o.as.format = "opaque";
    const token = await o.as.issue(o.resource());
    await o.call(bearer(token));
    await o.as.revoke(token);
    o.clock.advanceMs(30_000);
    expect(await statusOf(bearer(token))).toBe(401);
    const asks = asked("/token/introspection");
    for (let i = 0; i < 5; i++) expect(await statusOf(bearer("nobody"))).toBe(401);
    expect(asked("/token/introspection")).toBe(asks + 1);
  });

  test("tasks and scopes are read out of the answer", async () => {
    o = await startOAuthProxy({ issuer: introspection });
    o.as.format = "opaque";
    o.as.extraClaims = { task: { id: "T-1", tools: ["write"] }, act: { sub: "bot" } };
    const token = bearer(await o.as.issue(o.resource()));
    await o.call(token);
    expect(last()).toMatchObject({ reason: "task_scope", agent: "bot", delegation: ["bot"] });
    expect((await o.call(token, { tool: "write" })).challenge).toContain('scope="mcp:use tickets:write"');
  });

  test.each([
    ["says that the token is not active, and all about it", { active: false }],
    ["says so in other words than true", { active: "true" }],
    ["is another issuer's", { active: true, iss: "https://other.example" }],
    ["is of a token that is not valid yet", { active: true, nbf: 4_000_000_000 }],
    ["is of a token that is bound to a key", { active: true, token_type: "DPoP" }],
    ["says nothing of when it expires", { active: true, exp: undefined }],
    ["says nothing of whom it is for", { active: true, aud: undefined }],
  ])("an answer that %s lets nobody in", async (_, said) => {
    o = await startOAuthProxy({
      issuer: introspection,
      fetch: async (input, init) => (String(input).endsWith("/token/introspection") ? Response.json({ ...o.claims(), token_type: "Bearer", ...said }) : fetch(input, init)),
    });
    expect(await statusOf(bearer("opaque"))).toBe(401);
    expect(o.upstream.requests).toHaveLength(0);
  });

  test("an issuer that does not answer is our trouble and not the caller's", async () => {
    o = await startOAuthProxy({ issuer: introspection });
    o.as.format = "opaque";
    const token = bearer(await o.as.issue(o.resource()));
    o.as.outage(true);
    expect(await statusOf(token)).toBe(503);
    o.as.outage(false);
    expect(await statusOf(token)).toBe(200);
  });
});

describe("an open stream", () => {
  const endings: [string, (opened: { taskId: string }) => unknown, string][] = [
    ["its token expires", () => o.clock.advanceMs(400_000), "unauthenticated"],
    ["its task is closed", ({ taskId }) => o.proxy.control.submit({ kind: "task.close", taskId }, systemActor), "unauthenticated"],
    ["its agent is stopped", () => o.proxy.control.submit({ kind: "stop.set", scope: { agent: "triage-agent" }, reason: "looking into it" }, systemActor), "stopped"],
  ];
  test.each(endings)("ends when %s", async (_, happen, errorType) => {
    o = await startOAuthProxy({ config: { streamCheckMs: 20 } });
    o.upstream.answer = (_request, response) => void response.writeHead(200, { "content-type": "text/event-stream" }).write(": open\n\n");
    const { taskId } = await openTask(o.proxy.control, systemActor, { agent: "triage-agent", class: "triage" });
    const response = await fetch(o.resource(), { headers: { ...(await good({ task: taskId })), accept: "text/event-stream" } });
    expect(response.status).toBe(200);
    const read = response.text().catch(() => "broken off");
    await happen({ taskId });
    await read;
    expect(await o.proxy.audit.recorded((record) => record.method === "transport/stream")).toMatchObject({ outcome: "interrupted", errorType });
  });
});
