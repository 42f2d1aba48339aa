import { describe, expect, it } from "vitest";
import { MAX_PENDING, MAX_PENDING_PER_AGENT } from "../../../proxy/people/approval-deciders.ts";
import { approvalStatus, findApproval, holdStep, type HeldCall } from "../../../proxy/people/approvals.ts";
import { actor, ben, caller, cleo, controlOf, Desk, heldRequest, hour, minute, op, openTask, request } from "./control.ts";

const call: HeldCall = { agent: "triage-bot", principal: "ana", taskId: "", requestDigest: "d1", policyVersion: "v1" };
const decide = (approvalId: string, verdict: string, comment = "") => ({ kind: "approval.decide", approvalId, verdict, comment });
const use = (approvalId: string, over = {}) => ({ kind: "approval.use", approvalId, taskId: "", requestDigest: "d1", policyVersion: "v1", ...over });
const kind = (desk: Desk, over: Partial<HeldCall> = {}) => findApproval(desk.state, { ...call, ...over }, desk.nowMs).kind;

describe("an approval", () => {
  it.each<[string, (desk: Desk, id: string) => void, string, string]>([
    ["waits when it is asked for", () => {}, "pending", "wait"],
    ["is approved by one approver", (d, id) => d.submit(decide(id, "approve"), ben), "approved", "use"],
    ["is denied by one approver", (d, id) => d.submit(decide(id, "deny"), ben), "denied", "refuse"],
    ["expires undecided, which denies it", (d) => (d.nowMs += hour), "expired", "request"],
    ["still waits a millisecond before", (d) => (d.nowMs += hour - 1), "pending", "wait"],
    ["expires approved and unused", (d, id) => (d.submit(decide(id, "approve"), ben), (d.nowMs += hour)), "expired", "request"],
    ["is gone once it was used", (d, id) => (d.submit(decide(id, "approve"), ben), d.submit(use(id), caller)), "none", "request"],
    ["is forgotten with its denial when that expires", (d, id) => (d.submit(decide(id, "deny"), ben), (d.nowMs += hour)), "none", "request"],
  ])("%s", (_name, act, expected, step) => {
    const desk = new Desk();
    act(desk, request(desk));
    expect(kind(desk)).toBe(expected);
    expect(holdStep(findApproval(desk.state, call, desk.nowMs))).toBe(step);
  });

  it.each<[string, Partial<HeldCall>]>([
    ["agent", { agent: "other-bot" }],
    ["principal", { principal: "bob" }],
    ["task", { taskId: "t-9" }],
    ["request (server, definition, arguments)", { requestDigest: "d2" }],
    ["policy version", { policyVersion: "v2" }],
  ])("is for nothing that differs in its %s", (_what, over) => {
    const desk = new Desk();
    desk.submit(decide(request(desk), "approve"), ben);
    expect(kind(desk)).toBe("approved");
    expect(kind(desk, over)).toBe("none");
  });

  it("is found by the newest request where there were several for the same call", () => {
    const desk = new Desk();
    desk.submit(decide(request(desk), "deny"), ben);
    desk.nowMs += 2 * hour;
    const second = request(desk);
    expect(findApproval(desk.state, call, desk.nowMs)).toMatchObject({ kind: "pending", approval: { approval: { approvalId: second } } });
  });
});

describe("approval.request", () => {
  it("folds a repeat of the same call into what stands, without a second event", () => {
    const desk = new Desk();
    const first = request(desk);
    expect(desk.submit({ kind: "approval.request", request: heldRequest }, caller)).toEqual({ ok: true, events: [], result: { approvalId: first, created: false } });
    desk.submit(decide(first, "deny"), ben);
    expect(request(desk)).toBe(first);
    expect(desk.entries.map((e) => e.event.kind)).toEqual(["approval.requested", "approval.decided"]);
  });

  it("is for the caller alone, and keeps a message within bounds", () => {
    const desk = new Desk();
    expect(desk.outcome({ kind: "approval.request", request: heldRequest }, { ...caller, agent: "mallory" })).toBe("403 E_NOT_THE_CALLER");
    expect(desk.outcome({ kind: "approval.request", request: heldRequest }, { ...caller, principal: "mallory" })).toBe("403 E_NOT_THE_CALLER");
    const id = request(desk, { message: "m".repeat(4000) });
    expect(desk.state.approvals.get(id)!.approval.message).toHaveLength(500);
  });

  it("names the member that is wrong and not its value", () => {
    const refused = new Desk().submit({ kind: "approval.request", request: { ...heldRequest, server: "", requestDigest: "s3cret".repeat(100) } }, caller);
    expect(refused).toMatchObject({ ok: false, status: 400, message: expect.stringContaining("request.server") });
    expect(JSON.stringify(refused)).not.toContain("s3cret");
  });

  it("asks for two people where the effect is destructive, and for one otherwise", () => {
    const desk = new Desk();
    const needed = (effect: string) => desk.state.approvals.get(request(desk, { effect, requestDigest: effect }))!.approval.needed;
    expect(["read", "write", "destructive"].map(needed)).toEqual([1, 1, 2]);
  });

  it("lasts an hour, or as long as the command says", () => {
    const desk = new Desk();
    const id = request(desk);
    expect(desk.state.approvals.get(id)!.approval.expiresMs).toBe(desk.nowMs + hour);
    desk.submit({ kind: "approval.request", request: { ...heldRequest, requestDigest: "d2" }, expiresInMs: 5 * minute }, caller);
    expect(desk.state.approvals.get("ap-2")!.approval.expiresMs).toBe(desk.nowMs + 5 * minute);
  });

  it("is refused beyond what one agent and all agents may have waiting, until something is decided", () => {
    const desk = new Desk();
    const ask = (agent: string, n: number) => desk.outcome({ kind: "approval.request", request: { ...heldRequest, agent, requestDigest: `d${n}` } }, { ...caller, agent });
    for (let n = 0; n < MAX_PENDING_PER_AGENT; n++) expect(ask("triage-bot", n)).toBe("ok");
    expect(ask("triage-bot", 99)).toBe("429 E_APPROVALS_FULL");
    desk.submit(decide("ap-1", "deny"), ben);
    expect(ask("triage-bot", 99)).toBe("ok");
    for (let n = MAX_PENDING_PER_AGENT; n < MAX_PENDING; n++) expect(ask(`bot-${n}`, n)).toBe("ok");
    expect(ask("one-more", 1)).toBe("429 E_APPROVALS_FULL");
    desk.nowMs += hour;
    expect(ask("one-more", 1)).toBe("ok");
  });
});

describe("approval.decide", () => {
  it.each<[string, Parameters<Desk["outcome"]>[1], string]>([
    ["an approver", ben, "ok"],
    ["an operator", op, "403 E_ROLE"],
    ["an agent", actor("eve", "agent"), "403 E_ROLE"],
    ["the one on whose behalf the call is made", actor("ana", "approver"), "403 E_SELF_APPROVAL"],
    ["a person by the name of the agent", actor("triage-bot", "approver"), "403 E_SELF_APPROVAL"],
    ["the agent's own key for another person", { principal: "zoe", agent: "triage-bot", roles: ["agent", "approver"] }, "403 E_SELF_APPROVAL"],
    ["the opener of the task", actor("otto", "approver"), "403 E_SELF_APPROVAL"],
    ["the one for whom the task is", actor("tess", "approver"), "403 E_SELF_APPROVAL"],
  ])("lets %s approve a call of a task, or says why not", (_who, by, expected) => {
    const desk = new Desk();
    openTask(desk, { principal: "tess" }, "otto");
    expect(desk.outcome(decide(request(desk, { taskId: "t-1" }), "approve"), by)).toBe(expected);
  });

  it("lets the caller's own people deny", () => {
    const desk = new Desk();
    expect(desk.outcome(decide(request(desk), "deny"), actor("ana", "approver"))).toBe("ok");
    expect(kind(desk)).toBe("denied");
  });

  it("wants two different people for a destructive call", () => {
    const desk = new Desk();
    const id = request(desk, { effect: "destructive" });
    expect(desk.submit(decide(id, "approve"), ben)).toMatchObject({ ok: true, result: { status: "pending", missing: 1 } });
    expect(kind(desk)).toBe("pending");
    expect(desk.outcome(use(id), caller)).toBe("409 E_APPROVAL_UNUSABLE");
    expect(desk.outcome(decide(id, "approve"), { ...ben, agent: "another-key" })).toBe("409 E_APPROVED_TWICE");
    expect(desk.submit(decide(id, "approve"), cleo)).toMatchObject({ ok: true, result: { status: "approved", missing: 0 } });
    expect(kind(desk)).toBe("approved");
  });

  it("lets the second person turn the first one's approval down", () => {
    const desk = new Desk();
    const id = request(desk, { effect: "destructive" });
    desk.submit(decide(id, "approve"), ben);
    desk.submit(decide(id, "deny"), cleo);
    expect(kind(desk)).toBe("denied");
  });

  it.each<[string, (desk: Desk, id: string) => void]>([
    ["approved", (d, id) => d.submit(decide(id, "approve"), ben)],
    ["denied", (d, id) => d.submit(decide(id, "deny"), ben)],
    ["used", (d, id) => (d.submit(decide(id, "approve"), ben), d.submit(use(id), caller))],
    ["expired", (d) => (d.nowMs += hour)],
  ])("is a conflict when it is %s already", (status, act) => {
    const desk = new Desk();
    const id = request(desk);
    act(desk, id);
    expect(approvalStatus(desk.state.approvals.get(id)!, desk.nowMs)).toBe(status);
    for (const verdict of ["approve", "deny"]) expect(desk.outcome(decide(id, verdict), cleo)).toBe("409 E_APPROVAL_OVER");
  });

  it("knows no approval that was never asked for", () => {
    expect(new Desk().outcome(decide("ap-404", "approve"), ben)).toBe("404 E_APPROVAL_UNKNOWN");
  });
});

describe("approval.use", () => {
  it("is true once, of however many that ask at the same time", async () => {
    const desk = new Desk();
    const control = controlOf(desk);
    const id = request(desk);
    desk.submit(decide(id, "approve"), ben);
    const all = await Promise.all(Array.from({ length: 8 }, () => control.submit(use(id), caller)));
    expect(all.filter((d) => d.ok)).toEqual([{ ok: true, events: [{ kind: "approval.used", approvalId: id }], result: { approvalId: id, approvedBy: ["ben"] } }]);
    expect(all.filter((d) => !d.ok && d.code === "E_APPROVAL_UNUSABLE")).toHaveLength(7);
  });

  it.each<[string, object, Parameters<Desk["outcome"]>[1], string]>([
    ["another agent", {}, { ...caller, agent: "mallory" }, "403 E_NOT_THE_CALLER"],
    ["another principal", {}, { ...caller, principal: "mallory" }, "403 E_NOT_THE_CALLER"],
    ["another task", { taskId: "t-2" }, caller, "409 E_APPROVAL_OTHER"],
    ["other arguments", { requestDigest: "d2" }, caller, "409 E_APPROVAL_OTHER"],
    ["other rules", { policyVersion: "v2" }, caller, "409 E_APPROVAL_OTHER"],
  ])("is refused to %s", (_what, over, by, expected) => {
    const desk = new Desk();
    const id = request(desk);
    desk.submit(decide(id, "approve"), ben);
    expect(desk.outcome(use(id, over), by)).toBe(expected);
    expect(desk.outcome(use(id), caller)).toBe("ok");
  });

  it.each<[string, (desk: Desk, id: string) => void]>([
    ["pending", () => {}],
    ["denied", (d, id) => d.submit(decide(id, "deny"), ben)],
    ["expired", (d, id) => (d.submit(decide(id, "approve"), ben), (d.nowMs += hour))],
  ])("is refused while it is %s", (_status, act) => {
    const desk = new Desk();
    const id = request(desk);
    act(desk, id);
    expect(desk.outcome(use(id), caller)).toBe("409 E_APPROVAL_UNUSABLE");
  });
});
