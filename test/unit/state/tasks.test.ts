import { describe, expect, it } from "vitest";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { createKeyAuthenticator } from "../../../proxy/identity/key-authenticator.ts";
import { createKey } from "../../../proxy/identity/keys-file.ts";
import { createTaskAuthenticator } from "../../../proxy/identity/task-authenticator.ts";
import { isInScope } from "../../../proxy/identity/task-scope.ts";
import type { Actor } from "../../../proxy/state/command.ts";
import type { Task } from "../../../proxy/state/control-event.ts";
import { ControlState, MAX_CLOSED_EXTERNAL } from "../../../proxy/state/control-state.ts";
import { createDeciders } from "../../../proxy/state/deciders.ts";
import { createLocalControl } from "../../../proxy/state/local-control.ts";
import { restorePart, snapshotParts, type SnapshotPart } from "../../../proxy/state/snapshot.ts";
import { openTask, type TaskRequest } from "../../../proxy/tasks/open-task.ts";
import { aTask, build, operator } from "./scratch.ts";

const hour = 3_600_000;
const day = 24 * hour;
const start = 1_000_000;

function world(taskClasses?: readonly string[]) {
  const clock = manualClock(start);
  const control = createLocalControl({ clock, deciders: createDeciders({ taskClasses }) });
  const known = createKey({ agent: "build", principal: "ci", nowMs: 0 });
  const authenticator = createTaskAuthenticator(createKeyAuthenticator([known.entry], { defaultTaskClass: "unassigned" }), control);
  const whois = (token: string) => authenticator.authenticate(`Bearer ${token}`, undefined, clock.nowMs());
  const open = (actor: Actor, request: TaskRequest) => openTask(control, actor, request);
  const close = (actor: Actor, taskId: string) => control.submit({ kind: "task.close", taskId }, actor);
  return { clock, control, whois, open, close, key: known.key };
}

describe("a task's token", () => {
  it("is the task's agent's credential for that task alone", async () => {
    const { open, whois } = world();
    const request = { class: "triage", agent: "build", principal: "ana", owner: "support", servers: ["files"], tools: ["read"], budget: { calls: 5 }, ttlMs: hour };
    const { token, taskId } = await open(operator, request);
    expect(token).toMatch(/^sbt_tk-[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
    expect(whois(token)).toEqual({
      ok: true,
      identity: {
        agent: "build",
        principal: "ana",
        delegation: [],
        credentialId: taskId,
        taskId,
        taskClass: "triage",
        taskOwner: "support",
        roles: ["agent"],
        budget: { calls: 5 },
        servers: ["files"],
        tools: ["read"],
      },
    });
  });

  it("is nowhere in the state, which has its hash alone", async () => {
    const { open, control } = world();
    const { token } = await open(build, { class: "triage" });
    const seen = JSON.stringify([...control.state.tasks.values()]);
    expect(seen).not.toContain(token);
    expect(seen).not.toContain(token.slice(-43));
  });

  it("is over when its task is closed, when it expires, and not a millisecond before", async () => {
    const { open, close, whois, clock } = world();
    const [closed, expiring] = [await open(build, { class: "triage" }), await open(build, { class: "triage", ttlMs: hour })];
    await close(build, closed.taskId);
    expect(whois(closed.token)).toEqual({ ok: false, why: "task_closed" });
    clock.advanceMs(hour - 1);
    expect(whois(expiring.token)).toMatchObject({ ok: true });
    clock.advanceMs(1);
    expect(whois(expiring.token)).toEqual({ ok: false, why: "task_expired" });
  });

  it("is unknown with another task's id, with a letter changed, or as its hash", async () => {
    const { open, whois, control } = world();
    const [one, two] = [await open(build, { class: "a" }), await open(build, { class: "a" })];
    const { tokenHash } = control.state.tasks.get(one.taskId)!.task;
    const changed = one.token.slice(0, -1) + (one.token.endsWith("A") ? "B" : "A");
    for (const credential of [one.token.replace(one.taskId, two.taskId), changed, tokenHash, `sbt_${one.taskId}_`, `${one.token} x`]) {
      expect(whois(credential)).toEqual({ ok: false, why: "unknown" });
    }
  });

  it("leaves agents' keys as they were", () => {
    const { whois, key } = world();
    expect(whois(key)).toMatchObject({ ok: true, identity: { agent: "build", taskId: "" } });
    expect(whois("sbx_nope")).toEqual({ ok: false, why: "unknown" });
  });

  it("lasts eight hours unless said otherwise", async () => {
    const { open, control } = world();
    const { taskId } = await open(build, { class: "triage" });
    expect(control.state.tasks.get(taskId)!.task).toMatchObject({ agent: "build", owner: "ci", principal: "ci", expiresMs: start + 8 * hour });
  });
});

describe("opening a task", () => {
  const inTask: Actor = { ...build, taskId: "tk-0" };
  const scoped: Actor = { ...build, servers: ["files", "wiki"], tools: ["read", "search"], taskClasses: ["triage"] };
  const table: [string, Actor, TaskRequest, string][] = [
    ["an agent, for itself", build, { class: "triage" }, "ok"],
    ["an agent, naming itself", build, { class: "triage", agent: "build", principal: "ci", owner: "ci" }, "ok"],
    ["an agent, for another", build, { class: "triage", agent: "release" }, "E_ROLE"],
    ["an agent, on behalf of somebody else", build, { class: "triage", principal: "ana" }, "E_ROLE"],
    ["an agent, that others are to answer for", build, { class: "triage", owner: "ana" }, "E_ROLE"],
    ["an operator, for any agent and anybody", operator, { class: "triage", agent: "release", principal: "ana", owner: "support" }, "ok"],
    ["a task's own token", inTask, { class: "triage" }, "E_ROLE"],
    ["an approver who is no operator, for another", { ...build, roles: ["approver"] }, { class: "triage", agent: "release" }, "E_ROLE"],
    ["a key of one class, in it", scoped, { class: "triage" }, "ok"],
    ["a key of one class, in another", scoped, { class: "release" }, "E_TASK_CLASS"],
    ["a key of some servers, for one of them", scoped, { class: "triage", servers: ["wiki"] }, "ok"],
    ["a key of some tools, for one of them", scoped, { class: "triage", tools: ["read"] }, "ok"],
    ["a key of some tools, for others", scoped, { class: "triage", tools: ["read", "write"] }, "E_TASK_SCOPE"],
    ["a key of some servers, for others", scoped, { class: "triage", servers: ["wiki", "mail"] }, "E_TASK_SCOPE"],
    ["no class", build, {}, "E_COMMAND"],
    ["eight days", build, { class: "triage", ttlMs: 8 * day }, "E_COMMAND"],
    ["seven days", build, { class: "triage", ttlMs: 7 * day }, "ok"],
    ["no time at all", build, { class: "triage", ttlMs: 0 }, "E_COMMAND"],
    ["a budget of less than nothing", build, { class: "triage", budget: { writes: -1 } }, "E_COMMAND"],
    ["a budget of something unknown", build, { class: "triage", budget: { money: 1 } }, "E_COMMAND"],
    ["a name that is too long", build, { class: "x".repeat(129) }, "E_COMMAND"],
  ];
  it.each(table)("%s", async (_name, actor, request, expected) => {
    const { decided } = await world().open(actor, request);
    expect(decided.ok ? "ok" : decided.code).toBe(expected);
  });

  it("by a key of some servers reaches no further than the key", async () => {
    const { open, control } = world();
    const { taskId } = await open(scoped, { class: "triage" });
    expect(control.state.tasks.get(taskId)!.task).toMatchObject({ servers: ["files", "wiki"], tools: ["read", "search"] });
  });

  it("has a class that the configuration knows, where it names any", async () => {
    const { open } = world(["triage"]);
    expect([(await open(build, { class: "triage" })).decided.ok, (await open(build, { class: "other" })).decided.ok]).toEqual([true, false]);
  });

  it("is refused beyond a thousand open ones of one agent, until some are over", async () => {
    const { open, clock } = world();
    await Promise.all(Array.from({ length: 1000 }, () => open(build, { class: "a", ttlMs: hour })));
    expect((await open(build, { class: "a" })).decided).toMatchObject({ status: 429, code: "E_LIMIT" });
    expect((await open({ ...build, agent: "other" }, { class: "a" })).decided.ok).toBe(true);
    clock.advanceMs(hour);
    expect((await open(build, { class: "a" })).decided.ok).toBe(true);
  });
});

describe("closing a task of ana's that build works on", () => {
  const table: [string, Partial<Actor>, string][] = [
    ["its agent may", { agent: "build", principal: "ci" }, "ok"],
    ["its owner may", { agent: "x", principal: "support" }, "ok"],
    ["its principal may", { agent: "x", principal: "ana" }, "ok"],
    ["an operator may", { agent: "x", principal: "x", roles: ["operator"] }, "ok"],
    ["an approver may not", { agent: "x", principal: "x", roles: ["approver"] }, "E_ROLE"],
    ["another agent may not", { agent: "x", principal: "x" }, "E_ROLE"],
    ["its agent in another task may not", { agent: "build", principal: "ci", taskId: "tk-other" }, "E_ROLE"],
  ];
  it.each(table)("%s", async (_name, actor, expected) => {
    const { open, close } = world();
    const { taskId } = await open(operator, { class: "a", agent: "build", principal: "ana", owner: "support" });
    const decided = await close({ ...build, ...actor }, taskId);
    expect(decided.ok ? "ok" : decided.code).toBe(expected);
  });

  it("its own token may, and twice is once", async () => {
    const { open, close, control } = world();
    const { taskId } = await open(build, { class: "a" });
    for (let i = 0; i < 2; i++) expect(await close({ ...build, taskId }, taskId)).toMatchObject({ ok: true });
    expect(control.state.seq).toBe(2);
    expect(await close(operator, "tk-none")).toMatchObject({ status: 404 });
  });
});

describe("the scope of a task", () => {
  const table: [string, Pick<Task, "servers" | "tools">, string, string, boolean][] = [
    ["nothing named", {}, "files", "read", true],
    ["a named server", { servers: ["files"] }, "files", "read", true],
    ["another server", { servers: ["files"] }, "mail", "read", false],
    ["a named tool", { tools: ["read"] }, "files", "read", true],
    ["another tool", { tools: ["read"] }, "files", "write", false],
    ["no tool at all, as for a list", { tools: ["read"] }, "files", "", true],
    ["no server at all", { servers: [] }, "files", "", false],
  ];
  it.each(table)("%s", (_name, scope, server, tool, expected) => expect(isInScope(scope, server, tool)).toBe(expected));
});

it("tasks that are over make room for others, and open ones never do", () => {
  const state = new ControlState();
  const hash = (n: number) => n.toString(16).padStart(64, "0");
  const opened = (n: number, expiresMs: number) => state.apply({ seq: n, atMs: 1000, by: "x", event: { kind: "task.opened", task: aTask({ taskId: `tk-${n}`, tokenHash: hash(n), expiresMs }) } });
  opened(1, 5000);
  opened(2, 500);
  for (let n = 3; n <= 10_001; n++) opened(n, 5000);
  expect([state.tasks.size, state.tasks.has("tk-1"), state.tasks.has("tk-2"), state.taskByToken.has(hash(2))]).toEqual([10_000, true, false, false]);
});

describe("a task of somebody else's, which access tokens name", () => {
  const external = (clock = manualClock(start)) => {
    const control = createLocalControl({ clock, deciders: createDeciders({ externalTasks: true }) });
    return { clock, control, close: (actor: Actor, taskId: string) => control.submit({ kind: "task.close", taskId, reason: "done" }, actor) };
  };

  it("is closed by an operator alone, once, and stays closed in every copy of the state", async () => {
    const { control, close } = external();
    expect(await close(build, "T-1")).toMatchObject({ ok: false, code: "E_ROLE" });
    expect(await close(operator, "T-1")).toMatchObject({ ok: true, events: [{ kind: "external_task.closed", taskId: "T-1" }] });
    expect(await close(operator, "T-1")).toMatchObject({ ok: true, events: [] });
    const copy = new ControlState();
    for (const part of snapshotParts(control.state)) restorePart(copy, JSON.parse(JSON.stringify(part)) as SnapshotPart);
    expect([...copy.closedExternalTasks.values()]).toEqual([{ taskId: "T-1", closedMs: start, closedBy: operator.principal, reason: "done" }]);
  });

  it("is not taken for one of this proxy's, and is none where no tokens are accepted", async () => {
    expect(await external().close(operator, "tk-0123456789abcdef")).toMatchObject({ ok: false, code: "E_NOT_FOUND" });
    expect(await world().close(operator, "T-1")).toMatchObject({ ok: false, code: "E_NOT_FOUND" });
  });

  it("is remembered for thirty days before another takes its place", () => {
    const state = new ControlState();
    for (let i = 1; i <= MAX_CLOSED_EXTERNAL; i++) state.apply({ seq: i, atMs: start, by: "ops", event: { kind: "external_task.closed", taskId: `T-${i}`, reason: "" } });
    const decide = (nowMs: number) => createDeciders({ externalTasks: true })["task.close"]!(state, { kind: "task.close", taskId: "T-new" }, { actor: operator, nowMs, newId: () => "" });
    expect(decide(start + 30 * day - 1)).toMatchObject({ ok: false, code: "E_LIMIT" });
    expect(decide(start + 30 * day)).toMatchObject({ ok: true });
    state.apply({ seq: MAX_CLOSED_EXTERNAL + 1, atMs: start + 30 * day, by: "ops", event: { kind: "external_task.closed", taskId: "T-new", reason: "" } });
    expect([state.closedExternalTasks.size, state.closedExternalTasks.has("T-1"), state.closedExternalTasks.has("T-2")]).toEqual([MAX_CLOSED_EXTERNAL, false, true]);
  });
});
