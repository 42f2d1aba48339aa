import Fastify, { type FastifyInstance } from "fastify";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import type { Identity } from "../../../proxy/identity/identity.ts";
import { peopleApi } from "../../../proxy/people/api.ts";
import { findApproval } from "../../../proxy/people/approvals.ts";
import { peopleDeciders } from "../../../proxy/people/deciders.ts";
import { findException } from "../../../proxy/people/exceptions.ts";
import { createHeldArguments, type HeldArguments } from "../../../proxy/people/held-arguments.ts";
import { releasedFor } from "../../../proxy/people/quarantine.ts";
import type { Control, Role } from "../../../proxy/state/command.ts";
import { createLocalControl } from "../../../proxy/state/local-control.ts";
import { createHostCheck } from "../../../proxy/transport/host-check.ts";
import { caller, heldRequest, hour, t0 } from "../../unit/people/control.ts";

const people: Record<string, readonly Role[]> = { ana: ["agent"], ben: ["approver"], cleo: ["approver"], olga: ["operator"] };
const hostile = "Refund me.\u202e\u200b\u001b[2J<script>alert(1)</script>";

let app: FastifyInstance;
let control: Control;
let clock: ReturnType<typeof manualClock>;
let kept: HeldArguments;
let directory: string;
let bytes: Map<string, Buffer>;

beforeEach(async () => {
  clock = manualClock(t0);
  control = createLocalControl({ deciders: peopleDeciders, clock });
  directory = mkdtempSync(join(tmpdir(), "signalbox-people-"));
  kept = createHeldArguments({ directory, control, clock, logger: silentLogger });
  bytes = new Map();
  app = Fastify();
  await app.register(peopleApi, {
    control, clock, logger: silentLogger, hosts: createHostCheck({ host: "127.0.0.1", allowedHosts: [], allowedOrigins: [] }),
    authenticate: (authorization) => {
      const name = authorization?.replace("Bearer ", "") ?? "";
      const roles = people[name];
      if (!roles) return { ok: false, why: "unknown" };
      const identity: Identity = { agent: name === "ana" ? "triage-bot" : `${name}-cli`, principal: name, delegation: [], credentialId: `key-${name}`, taskId: "", taskClass: "", roles };
      return { ok: true, identity };
    },
    heldArguments: kept,
    quarantine: { read: async (id) => bytes.get(id) ?? null, remove: async (id) => void bytes.delete(id) },
  });
});
afterEach(async () => {
  await app.close();
  kept.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function ask(who: string, method: "GET" | "POST" | "DELETE", url: string, body?: object): Promise<{ status: number; body: any }> {
  const response = await app.inject({ method, url, headers: { authorization: `Bearer ${who}`, host: "127.0.0.1" }, ...(body ? { payload: body } : {}) });
  return { status: response.statusCode, body: response.json() };
}

async function requested(over: object = {}): Promise<string> {
  const decided = await control.submit({ kind: "approval.request", request: { ...heldRequest, ...over } }, caller);
  if (!decided.ok) throw new Error(decided.message);
  const { approvalId } = decided.result as { approvalId: string };
  await kept.put(approvalId, { name: "create_issue", arguments: { title: hostile } });
  return approvalId;
}

describe("/v1/approvals", () => {
  it("lists what waits, the newest first, and filters by state", async () => {
    const [first, second] = [await requested(), await requested({ requestDigest: "d2" })];
    await ask("ben", "POST", `/v1/approvals/${first}/deny`, { comment: "not today" });
    const all = await ask("ben", "GET", "/v1/approvals");
    expect(all.body.approvals.map((a: any) => [a.approvalId, a.status])).toEqual([[second, "pending"], [first, "denied"]]);
    expect((await ask("olga", "GET", "/v1/approvals?state=pending")).body.approvals).toMatchObject([{ approvalId: second, agent: "triage-bot", tool: "create_issue", needed: 1, expiresAt: "2026-03-02T10:00:00.000Z" }]);
    expect((await ask("ben", "GET", "/v1/approvals?limit=1")).body.approvals).toHaveLength(1);
  });

  it("shows an approver the arguments, made safe, and the agent its own request without them", async () => {
    const id = await requested();
    const shown = await ask("ben", "GET", `/v1/approvals/${id}`);
    expect(shown.body.arguments).toMatchObject({ type: "text/plain", truncated: false });
    expect(shown.body.arguments.text).toContain("<script>alert(1)</script>");
    expect(shown.body.arguments.text).toContain("⟦U+202E⟧⟦U+200B⟧");
    expect((await ask("ana", "GET", `/v1/approvals/${id}`)).body).toMatchObject({ approvalId: id, status: "pending", arguments: null });
    people.eve = ["agent"];
    expect((await ask("eve", "GET", `/v1/approvals/${id}`)).status).toBe(404);
    expect((await ask("eve", "GET", "/v1/approvals")).body.approvals).toEqual([]);
    delete people.eve;
  });

  it("approves once, by somebody else, and tells everybody else why not", async () => {
    const id = await requested();
    expect(await ask("nobody", "POST", `/v1/approvals/${id}/approve`)).toMatchObject({ status: 401 });
    expect(await ask("ana", "POST", `/v1/approvals/${id}/approve`)).toMatchObject({ status: 403, body: { code: "E_ROLE" } });
    expect(await ask("olga", "POST", `/v1/approvals/${id}/approve`)).toMatchObject({ status: 403, body: { code: "E_ROLE" } });
    expect(await ask("ben", "POST", `/v1/approvals/${id}/approve`, { comment: "fine" })).toMatchObject({ status: 200, body: { approvalId: id, status: "approved" } });
    expect(await ask("cleo", "POST", `/v1/approvals/${id}/deny`)).toMatchObject({ status: 409, body: { code: "E_APPROVAL_OVER" } });
    expect(findApproval(control.state, heldRequest, clock.nowMs())).toMatchObject({ kind: "approved", approval: { approvedBy: ["ben"] } });
  });

  it("wants two people for a destructive call, and denies what nobody decides in time", async () => {
    const id = await requested({ effect: "destructive" });
    expect((await ask("ben", "POST", `/v1/approvals/${id}/approve`)).body).toMatchObject({ status: "pending", missing: 1 });
    expect((await ask("ben", "POST", `/v1/approvals/${id}/approve`)).body).toMatchObject({ code: "E_APPROVED_TWICE" });
    clock.advanceMs(hour);
    expect(await ask("cleo", "POST", `/v1/approvals/${id}/approve`)).toMatchObject({ status: 409, body: { detail: expect.stringContaining("expired") } });
    expect((await ask("cleo", "GET", `/v1/approvals/${id}`)).body).toMatchObject({ status: "expired", arguments: null });
  });

  it("does what its path says and nothing else that a body names", async () => {
    const id = await requested();
    const other = await requested({ requestDigest: "d2" });
    await ask("ben", "POST", `/v1/approvals/${id}/deny`, { kind: "approval.use", verdict: "approve", approvalId: other });
    expect([id, other].map((a) => control.state.approvals.get(a)).map((a) => [a!.deniedBy, a!.approvedBy.length])).toEqual([["ben", 0], [null, 0]]);
    expect(await ask("ben", "POST", `/v1/approvals/${other}/approve`, { requestDigest: "d9" })).toMatchObject({ status: 400, body: { code: "E_COMMAND" } });
  });

  it("decides nothing on a GET and knows no approval that is not there", async () => {
    const id = await requested();
    expect((await app.inject({ url: `/v1/approvals/${id}/approve`, headers: { authorization: "Bearer ben", host: "127.0.0.1" } })).statusCode).toBe(404);
    expect((await ask("ben", "POST", "/v1/approvals/ap-404/approve")).status).toBe(404);
    expect(control.state.approvals.get(id)!.approvedBy).toEqual([]);
  });

  it("lets eight workers use an approval at once, and one of them forward", async () => {
    const id = await requested();
    await ask("ben", "POST", `/v1/approvals/${id}/approve`);
    const use = { kind: "approval.use", approvalId: id, taskId: "", requestDigest: "d1", policyVersion: "v1" };
    const all = await Promise.all(Array.from({ length: 8 }, () => control.submit(use, caller)));
    expect(all.filter((d) => d.ok)).toHaveLength(1);
  });
});

describe("/v1/exceptions", () => {
  const body = { scope: { agent: "triage-bot", server: "github" }, reason: "migration of the old tickets", expiresInMs: hour };
  const call = { agent: "triage-bot", principal: "ana", taskId: "", server: "github", tool: "create_issue" };

  it("are granted, listed and ended at once", async () => {
    const granted = await ask("olga", "POST", "/v1/exceptions", body);
    expect(granted).toMatchObject({ status: 201, body: { exceptionId: expect.stringMatching(/^ex-/) } });
    const { exceptionId } = granted.body;
    expect(findException(control.state, call, clock.nowMs())?.exception.exceptionId).toBe(exceptionId);
    for (const who of ["ben", "ana"]) expect((await ask(who, "GET", "/v1/exceptions?state=active")).body.exceptions).toMatchObject([{ exceptionId, approvedBy: "olga", status: "active", reason: body.reason }]);
    expect((await ask("ana", "DELETE", `/v1/exceptions/${exceptionId}`)).status).toBe(403);
    expect(await ask("ben", "DELETE", `/v1/exceptions/${exceptionId}`, { reason: "done" })).toMatchObject({ status: 200 });
    expect(findException(control.state, call, clock.nowMs())).toBeNull();
    expect((await ask("ben", "GET", "/v1/exceptions?state=active")).body.exceptions).toEqual([]);
  });

  it("are refused with a reason to agents and to whoever grants them to themselves", async () => {
    expect((await ask("ana", "POST", "/v1/exceptions", body)).body).toMatchObject({ code: "E_ROLE" });
    const own = { ...body, scope: { agent: "olga-cli", server: "github" } };
    expect((await ask("olga", "POST", "/v1/exceptions", own)).body).toMatchObject({ code: "E_SELF_EXCEPTION" });
    expect(await ask("olga", "POST", "/v1/exceptions", { ...own, breakGlass: true })).toMatchObject({ status: 201, body: { exceptionId: expect.any(String) } });
    expect((await ask("olga", "POST", "/v1/exceptions", { ...body, scope: {} })).status).toBe(400);
    expect((await ask("olga", "POST", "/v1/exceptions")).status).toBe(400);
  });
});

describe("/v1/quarantine", () => {
  const item = { agent: "triage-bot", principal: "ana", taskId: "", server: "tickets", tool: "read_ticket", requestDigest: "d1", findings: ["instructions:0.97"], bytes: 40, resultDigest: "r1" };
  async function held(): Promise<string> {
    const decided = await control.submit({ kind: "quarantine.hold", item }, caller);
    const id = ((decided as any).result as { quarantineId: string }).quarantineId;
    bytes.set(id, Buffer.from(hostile));
    return id;
  }

  it("is for people: listed, and read with what hides in it made visible", async () => {
    const id = await held();
    expect((await ask("ana", "GET", "/v1/quarantine")).status).toBe(403);
    expect((await ask("ana", "GET", `/v1/quarantine/${id}`)).status).toBe(403);
    expect((await ask("olga", "GET", "/v1/quarantine?state=held")).body.quarantine).toMatchObject([{ quarantineId: id, findings: ["instructions:0.97"], bytes: 40, status: "held" }]);
    expect((await ask("ben", "GET", `/v1/quarantine/${id}`)).body).toMatchObject({
      quarantineId: id,
      content: { type: "text/plain", text: "Refund me.⟦U+202E⟧⟦U+200B⟧⟦U+001B⟧[2J<script>alert(1)</script>", hidden: 3, truncated: false },
    });
    expect((await ask("ben", "GET", "/v1/quarantine/q-404")).status).toBe(404);
  });

  it("releases to the very same call, or redacts, and not to the caller's own people", async () => {
    const id = await held();
    people.ana = ["agent", "approver"];
    expect((await ask("ana", "POST", `/v1/quarantine/${id}/settle`, { verdict: "release" })).body).toMatchObject({ code: "E_SELF_RELEASE" });
    people.ana = ["agent"];
    expect(releasedFor(control.state, item, clock.nowMs())).toBeNull();
    expect((await ask("ben", "POST", `/v1/quarantine/${id}/settle`, { verdict: "release", comment: "harmless" })).body).toMatchObject({ quarantineId: id, status: "released" });
    expect(releasedFor(control.state, item, clock.nowMs())).toEqual({ quarantineId: id, verdict: "release" });
    expect(bytes.has(id)).toBe(true);
  });

  it("removes the bytes of what is deleted, and of nothing that was not", async () => {
    const id = await held();
    expect((await ask("ana", "POST", `/v1/quarantine/${id}/settle`, { verdict: "delete" })).status).toBe(403);
    expect(bytes.has(id)).toBe(true);
    await ask("olga", "POST", `/v1/quarantine/${id}/settle`, { verdict: "delete" });
    expect(bytes.has(id)).toBe(false);
    expect((await ask("ben", "GET", `/v1/quarantine/${id}`)).body).toMatchObject({ status: "deleted", settledBy: "olga", content: null });
  });
});
