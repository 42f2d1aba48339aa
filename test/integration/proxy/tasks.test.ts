import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import type { ControlEvent } from "../../../proxy/state/control-event.ts";
import { toRow } from "../../../proxy/state/publish-events.ts";
import { startAuthorizationServer, type AuthorizationServer } from "../../support/authorization-server.ts";
import { signalbox } from "../../support/run-command.ts";
import type { Stack } from "../../support/stack.ts";
import { waitFor } from "../../support/wait.ts";
import { connectToEach, startControlStack, type Connection } from "./control-api.ts";

let stack: Stack | undefined;
let store: Store | undefined;
let as: AuthorizationServer | undefined;
let connections: Connection[] = [];
afterEach(async () => {
  await Promise.all(connections.map((c) => c.close().catch(() => undefined)));
  connections = [];
  await store?.close();
  store = undefined;
  await stack?.stop();
  await as?.stop();
  as = undefined;
});

const ops = () => stack!.keys.get("ops")!;
const build = () => stack!.keys.get("build")!;
const callWith = (connection: Connection, credential: string) => connection.ask("POST", "/mcp/fixture", credential, { jsonrpc: "2.0", id: 1, method: "ping" });

test("a task's token is good on every worker as soon as it is given out, and on none when the task is closed", async () => {
  stack = await startControlStack();
  connections = await connectToEach(stack, 2);
  const [one, other] = connections as [Connection, Connection];
  for (let i = 0; i < 20; i++) {
    const { body } = await one.ask("POST", "/v1/tasks", build(), { class: "triage" });
    expect((await other.ask("GET", `/v1/tasks/${body.task.taskId}`, body.token)).status).toBe(200);
    // The upstream is not there; what matters is that the caller was let in.
    expect((await callWith(other, body.token)).status).toBe(502);
    await one.ask("POST", `/v1/tasks/${body.task.taskId}/close`, body.token, {});
    expect([(await callWith(one, body.token)).status, (await callWith(other, body.token)).status]).toEqual([401, 401]);
  }
});

test("a task that access tokens name is closed on every worker, for the tokens that there are and those that are issued later", async () => {
  as = await startAuthorizationServer();
  stack = await startControlStack({ config: { proxy: { oauth: { issuers: [{ issuer: as.issuer, prefix: "idp:" }] } } } });
  connections = await connectToEach(stack, 2);
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: as.issuer, sub: "ana", client_id: "bot", aud: `${stack.proxyUrl}/mcp/fixture`, iat: now, exp: now + 300 };
  const inDetails = { authorization_details: [{ type: "signalbox_task", identifier: "T-1" }] };
  const issued = { claim: await as.sign({ ...claims, task: { id: "T-1", class: "triage" } }), details: await as.sign({ ...claims, ...inDetails }), other: await as.sign({ ...claims, task: "T-2" }) };
  const statuses = async (token: string) => (await Promise.all(connections.map((one) => callWith(one, token)))).map(({ status }) => status);
  for (const token of Object.values(issued)) expect(await statuses(token)).toEqual([502, 502]);

  const run = (...args: string[]) => signalbox(["--config", stack!.configFile, "task", ...args], { cwd: stack!.dir, env: { SIGNALBOX_KEY: ops() } });
  expect((await connections[0]!.ask("POST", "/v1/tasks/idp:T-1/close", build(), {})).status).toBe(403);
  expect((await run("close", "idp:T-1", "--reason", "done")).stdout).toContain("access tokens that name it are refused");
  for (const token of [issued.claim, issued.details, await as.sign({ ...claims, iat: now + 1, task: "T-1" })]) expect(await statuses(token)).toEqual([401, 401]);
  expect(await statuses(issued.other)).toEqual([502, 502]);
  expect(JSON.parse((await run("list", "--json")).stdout)).toMatchObject({ tasks: [], external: [{ taskId: "idp:T-1", state: "closed", closedBy: "ops@example.com", reason: "done" }] });
  expect((await run("list")).stdout).toMatch(/idp:T-1 +closed +\(of access tokens\)/);
});

test("a task that expires is over on every worker, and not before", async () => {
  stack = await startControlStack();
  connections = await connectToEach(stack, 2);
  const { body } = await connections[0]!.ask("POST", "/v1/tasks", build(), { class: "triage", ttlSeconds: 1 });
  const expiresMs = Date.parse(body.task.expiresAt);
  for (const connection of connections) await waitFor("the token to be refused", async () => (await callWith(connection, body.token)).status === 401, { everyMs: 20 });
  expect(Date.now()).toBeGreaterThanOrEqual(expiresMs);
});

test("the command line opens, lists and closes tasks", async () => {
  stack = await startControlStack({ config: { proxy: { workers: 1, taskClasses: ["triage"] } } });
  const run = (...args: string[]) => signalbox(["--config", stack!.configFile, "task", ...args], { cwd: stack!.dir, env: { SIGNALBOX_KEY: ops() } });
  const args = ["open", "--class", "triage", "--agent", "build", "--owner", "support", "--work-item", "T-1\u001b[31m", "--servers", "fixture", "--calls", "5", "--ttl", "2h"];
  const [token, said] = (await run(...args)).stdout.split("\n") as [string, string];
  expect(token).toMatch(/^sbt_tk-/);
  expect(said).toMatch(/^Task tk-[0-9a-f]{16} of build, class triage, until .*Z\./);
  const { tasks } = JSON.parse((await run("list", "--state", "open", "--json")).stdout) as { tasks: Record<string, unknown>[] };
  expect(tasks).toMatchObject([{ agent: "build", owner: "support", principal: "ops@example.com", servers: ["fixture"], budget: { calls: 5 }, state: "open" }]);
  const table = (await run("list")).stdout;
  expect(table).toContain("T-1\ufffd[31m");
  expect(table).not.toContain(token.slice(-20));
  expect((await run("close", String(tasks[0]!.taskId))).stdout).toBe(`Task ${String(tasks[0]!.taskId)} is closed.\n`);
  expect(await run("open", "--class", "other", "--agent", "build")).toMatchObject({ code: 1, stderr: expect.stringContaining("proxy.taskClasses has triage") });
  expect(await run("open", "--class", "triage", "--ttl", "soon")).toMatchObject({ code: 1, stderr: expect.stringContaining("a number and its unit") });
});

test("what happened while the store was away is in its tables when it is there, once, with views of what is current", async () => {
  stack = await startControlStack({ config: { collector: {}, store: {} } });
  connections = await connectToEach(stack, 2);
  const { body } = await connections[0]!.ask("POST", "/v1/tasks", ops(), { class: "triage", agent: "build", workItem: "T-1", servers: ["fixture"], budget: { writes: 3 } });
  await connections[0]!.ask("POST", `/v1/tasks/${body.task.taskId}/close`, ops(), { reason: "done" });
  writeFileSync(join(stack.dir, "policies/bad.yaml"), "rules: [{ id: x }]\n");
  await stack.start("store");
  await stack.start("collector");
  store = createStoreClient({ url: stack.storeUrl, caller: "test" });
  const events = () => store!.query<{ seq: string; kind: string; subject: string; by: string; json: string }>("SELECT seq, kind, subject, by, json FROM control_events FINAL WHERE journal != 'other' ORDER BY seq");
  const rows = await waitFor("the events", async () => {
    const found = await events();
    return found.length >= 3 && found;
  });
  expect(rows).toMatchObject([
    { seq: "1", kind: "task.opened", subject: body.task.taskId, by: "ops@example.com" },
    { seq: "2", kind: "task.closed", subject: body.task.taskId, by: "ops@example.com" },
    { seq: "3", kind: "files.refused", subject: "policies", by: "signalbox" },
  ]);
  expect(JSON.parse(rows[2]!.json)).toMatchObject({ part: "policies", problems: [expect.stringContaining("bad.yaml:1")] });
  expect(rows[0]!.json).not.toContain("tokenHash");
  expect(await store.query("SELECT * EXCEPT (journal, opened_at, closed_at, expires_at, ended_at), ended_at = closed_at AS ended_by_closing FROM tasks_current")).toEqual([
    {
      task_id: body.task.taskId,
      opened_by: "ops@example.com",
      class: "triage",
      owner: "ops@example.com",
      agent: "build",
      principal: "ops@example.com",
      work_item: "T-1",
      servers: ["fixture"],
      tools: [],
      budget_calls: null,
      budget_writes: "3",
      closed_by: "ops@example.com",
      close_reason: "done",
      ended_by_closing: 1,
    },
  ]);
  await viewsOf(store);
  // A start over sends nothing again, and goes on behind what it sent.
  rmSync(join(stack.dir, "policies/bad.yaml"));
  stack.kill("proxy");
  await waitFor("the proxy to be back", async () => (connections = await connectToEach(stack!, 2)).length === 2);
  await connections[0]!.ask("POST", "/v1/stops", ops(), { scope: { agent: "build" }, reason: "test" });
  await waitFor("the next event", async () => (await events()).length === 4);
  expect(await store.query("SELECT toUInt32(count()) AS n FROM control_events WHERE journal != 'other'")).toEqual([{ n: 4 }]);
});

/** What people did, as another proxy would have told of it, in the views of what is current. */
async function viewsOf(store: Store): Promise<void> {
  const call = { agent: "build", taskId: "tk-1", server: "files", tool: "write" };
  const approval = (approvalId: string, needed: number) => ({
    ...call,
    approvalId,
    principal: "ci",
    serverVersion: "1",
    effect: "write",
    riskTier: "high" as const,
    requestDigest: "d",
    definitionHash: "h",
    policyVersion: "p1",
    policyIds: ["hold-writes"],
    message: "may it?",
    expiresMs: 9000,
    needed,
  });
  const events: [string, ControlEvent][] = [
    ["ci", { kind: "approval.requested", approval: approval("ap-1", 2) }],
    ["ci", { kind: "approval.requested", approval: approval("ap-2", 2) }],
    ["ci", { kind: "approval.requested", approval: approval("ap-3", 1) }],
    ["ana", { kind: "approval.decided", approvalId: "ap-1", verdict: "approve", comment: "" }],
    ["bob", { kind: "approval.decided", approvalId: "ap-1", verdict: "approve", comment: "" }],
    ["ci", { kind: "approval.used", approvalId: "ap-1" }],
    ["ana", { kind: "approval.decided", approvalId: "ap-2", verdict: "approve", comment: "" }],
    ["bob", { kind: "approval.decided", approvalId: "ap-3", verdict: "deny", comment: "no" }],
    ["ana", { kind: "exception.granted", exception: { exceptionId: "ex-1", scope: { agent: "build", server: "files" }, reason: "INC-1", breakGlass: true, approvedBy: "ana", expiresMs: 9000 } }],
    ["bob", { kind: "exception.revoked", exceptionId: "ex-1", reason: "over" }],
    ["signalbox", { kind: "quarantine.held", item: { ...call, principal: "ci", requestDigest: "d", quarantineId: "qu-1", findings: ["secret"], bytes: 12, resultDigest: "d", expiresMs: 9000 } }],
    ["bob", { kind: "quarantine.settled", quarantineId: "qu-1", verdict: "delete", comment: "gone" }],
  ];
  await store.insert("control_events", events.map(([by, event], i) => toRow("other", { seq: i + 1, atMs: 1000 + i, by, event })));
  expect(await store.query("SELECT approval_id, status, approved_by, denied_by, server, toUInt32(needed) AS needed, policy_ids FROM approvals_current ORDER BY approval_id")).toEqual([
    { approval_id: "ap-1", status: "used", approved_by: ["ana", "bob"], denied_by: "", server: "files", needed: 2, policy_ids: ["hold-writes"] },
    { approval_id: "ap-2", status: "pending", approved_by: ["ana"], denied_by: "", server: "files", needed: 2, policy_ids: ["hold-writes"] },
    { approval_id: "ap-3", status: "denied", approved_by: [], denied_by: "bob", server: "files", needed: 1, policy_ids: ["hold-writes"] },
  ]);
  expect(await store.query("SELECT exception_id, agent, server, break_glass, granted_by, revoked_by, revoke_reason, toUnixTimestamp64Milli(ended_at) = 1009 AS ended FROM exceptions_current")).toEqual([
    { exception_id: "ex-1", agent: "build", server: "files", break_glass: true, granted_by: "ana", revoked_by: "bob", revoke_reason: "over", ended: 1 },
  ]);
  expect(await store.query("SELECT quarantine_id, tool, findings, toUInt32(bytes) AS bytes, verdict, settled_by, comment FROM quarantine_current")).toEqual([
    { quarantine_id: "qu-1", tool: "write", findings: ["secret"], bytes: 12, verdict: "delete", settled_by: "bob", comment: "gone" },
  ]);
}
