import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createKeyAuthenticator } from "../../../proxy/identity/key-authenticator.ts";
import { createKey } from "../../../proxy/identity/keys-file.ts";
import { createTaskAuthenticator } from "../../../proxy/identity/task-authenticator.ts";
import { controlApi } from "../../../proxy/state/api.ts";
import { createLocalControl } from "../../../proxy/state/local-control.ts";
import { createHostCheck } from "../../../proxy/transport/host-check.ts";

const nowMs = Date.UTC(2026, 5, 1);
const keys = {
  ops: createKey({ agent: "ops", principal: "ops", roles: ["operator"], nowMs }),
  build: createKey({ agent: "build", principal: "ci", nowMs }),
  triage: createKey({ agent: "triage", principal: "ana", taskClass: "triage", nowMs }),
};

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

function start() {
  const clock = manualClock(nowMs);
  const control = createLocalControl({ clock });
  const known = createKeyAuthenticator(Object.values(keys).map((k) => k.entry), { defaultTaskClass: "unassigned", anonymousAgent: "guest" });
  const authenticator = createTaskAuthenticator(known, control);
  app = Fastify();
  // As the proxy has it: bodies of calls are the relay's to read.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  void app.register(controlApi, {
    control,
    authenticate: (a, k, n) => authenticator.authenticate(a, k, n),
    hosts: createHostCheck({ host: "127.0.0.1", allowedHosts: [], allowedOrigins: [] }),
    clock,
    logger: silentLogger,
  });
  const ask = async (method: "GET" | "POST" | "DELETE", url: string, key: string | null, body?: unknown, headers: Record<string, string> = {}) => {
    const payload = body === undefined ? {} : { payload: typeof body === "string" ? body : JSON.stringify(body) };
    const json: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
    const answer = await app!.inject({ method, url, headers: { host: "127.0.0.1:7070", ...(key ? { authorization: `Bearer ${key}` } : {}), ...json, ...headers }, ...payload });
    return { status: answer.statusCode, headers: answer.headers, body: JSON.parse(answer.body) as Record<string, any> };
  };
  return { ask, clock, control };
}

describe("tasks over HTTP", () => {
  it("an agent opens one, sees it, works in it and closes it", async () => {
    const { ask } = start();
    const opened = await ask("POST", "/v1/tasks", keys.build.key, { class: "triage", workItem: "T-1", budget: { writes: 2 }, ttlSeconds: 60 });
    expect(opened.status).toBe(201);
    const { task, token } = opened.body;
    expect(opened.headers).toMatchObject({ location: `/v1/tasks/${task.taskId}`, "cache-control": "no-store" });
    expect(task).toEqual({
      taskId: task.taskId,
      class: "triage",
      owner: "ci",
      agent: "build",
      principal: "ci",
      workItem: "T-1",
      budget: { writes: 2 },
      state: "open",
      openedAt: "2026-06-01T00:00:00.000Z",
      openedBy: "ci",
      expiresAt: "2026-06-01T00:01:00.000Z",
      closedAt: null,
    });
    expect((await ask("GET", `/v1/tasks/${task.taskId}`, token)).body.task).toEqual(task);
    expect((await ask("POST", `/v1/tasks/${task.taskId}/close`, token, { reason: "done" })).body.task).toMatchObject({ state: "closed" });
    expect(await ask("GET", "/v1/tasks", token)).toMatchObject({ status: 401, body: { code: "E_UNAUTHENTICATED", detail: "this task is closed" } });
  });

  it("a key's own class is the class of its tasks, and no other is", async () => {
    const { ask } = start();
    expect((await ask("POST", "/v1/tasks", keys.triage.key, {})).body.task.class).toBe("triage");
    expect(await ask("POST", "/v1/tasks", keys.triage.key, { class: "release" })).toMatchObject({ status: 403, body: { code: "E_TASK_CLASS" } });
  });

  it("callers see their own, operators all, and a token its task alone", async () => {
    const { ask } = start();
    const one = await ask("POST", "/v1/tasks", keys.build.key, { class: "a" });
    await ask("POST", "/v1/tasks", keys.build.key, { class: "b" });
    const other = await ask("POST", "/v1/tasks", keys.triage.key, {});
    const seen = async (key: string, query = "") => (await ask("GET", `/v1/tasks${query}`, key)).body.tasks.length;
    expect([await seen(keys.build.key), await seen(keys.triage.key), await seen(keys.ops.key), await seen(one.body.token)]).toEqual([2, 1, 3, 1]);
    expect([await seen(keys.ops.key, "?agent=triage"), await seen(keys.ops.key, "?state=closed"), await seen(keys.ops.key, "?limit=1")]).toEqual([1, 0, 1]);
    expect(await ask("GET", `/v1/tasks/${other.body.task.taskId}`, keys.build.key)).toMatchObject({ status: 404, body: { code: "E_NOT_FOUND" } });
    expect(JSON.stringify((await ask("GET", "/v1/tasks", keys.ops.key)).body)).not.toMatch(/tokenHash|sbt_/);
  });
});

describe("stops over HTTP", () => {
  it("an operator sets, sees and clears one", async () => {
    const { ask, control } = start();
    const set = await ask("POST", "/v1/stops", keys.ops.key, { scope: { agent: "build" }, reason: "INC-1" });
    expect(set).toMatchObject({ status: 201, body: { stop: { scope: { agent: "build" }, reason: "INC-1", by: "ops", at: "2026-06-01T00:00:00.000Z" }, workers: { applied: 1, total: 1 } } });
    const { stopId } = set.body.stop;
    expect((await ask("GET", "/v1/stops", keys.ops.key)).body.stops).toEqual([set.body.stop]);
    expect(await ask("DELETE", `/v1/stops/${stopId}`, keys.ops.key, undefined, { "content-type": "application/json" })).toMatchObject({ status: 200, body: { stopId } });
    expect(control.state.stops.size).toBe(0);
  });

  it("an agent does neither", async () => {
    const { ask } = start();
    expect(await ask("POST", "/v1/stops", keys.build.key, { scope: { agent: "ops" }, reason: "x" })).toMatchObject({ status: 403, body: { code: "E_ROLE" } });
    expect((await ask("GET", "/v1/stops", keys.build.key)).status).toBe(403);
    expect((await ask("DELETE", "/v1/stops/st-1", keys.build.key)).status).toBe(403);
  });
});

describe("the control API refuses, as a problem document,", () => {
  const table: [string, string | null, unknown, Record<string, string>, number, string][] = [
    ["no credential, even where calls need none", null, {}, {}, 401, "E_UNAUTHENTICATED"],
    ["a credential that nobody gave out", "sbx_aaaa_nope", {}, {}, 401, "E_UNAUTHENTICATED"],
    ["a Host of somebody else's", keys.build.key, {}, { host: "evil.example" }, 403, "E_ORIGIN"],
    ["a page of somebody else's", keys.build.key, {}, { origin: "https://evil.example" }, 403, "E_ORIGIN"],
    ["a body beyond 64 KB", keys.build.key, { class: "x".repeat(70_000) }, {}, 413, "E_TOO_LARGE"],
    ["a body that is no JSON", keys.build.key, "{", {}, 400, "E_JSON"],
    ["a body of another type", keys.build.key, "class=x", { "content-type": "application/x-www-form-urlencoded" }, 415, "E_MEDIA_TYPE"],
    ["a body that would change prototypes", keys.build.key, '{"__proto__":{"class":"x"}}', {}, 400, "E_JSON"],
    ["a member that is unknown", keys.build.key, { class: "a", taskId: "tk-mine" }, {}, 400, "E_COMMAND"],
    ["a list as a body", keys.build.key, [1], {}, 400, "E_COMMAND"],
  ];
  it.each(table)("%s", async (_name, key, body, headers, status, code) => {
    const { ask, control } = start();
    const answer = await ask("POST", "/v1/tasks", key, body, headers);
    expect(answer).toMatchObject({ status, body: { status, code, type: "about:blank", detail: expect.any(String) } });
    expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
    expect(control.state.seq).toBe(0);
  });

  it("another command in the place of the route's", async () => {
    const { ask, control } = start();
    const body = { kind: "stop.set", scope: { agent: "x" }, reason: "r", class: "a" };
    await ask("POST", "/v1/tasks", keys.ops.key, body);
    expect(control.state.stops.size).toBe(0);
  });
});
