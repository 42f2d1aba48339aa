import { describe, expect, it } from "vitest";
import { findQuarantine, MAX_HELD_PER_AGENT, mayBeQuarantined, releasedFor, type QuarantinedCall } from "../../../proxy/people/quarantine.ts";
import { actor, ben, caller, Desk, hour, op, openTask } from "./control.ts";

const item = { agent: "triage-bot", principal: "ana", taskId: "t-1", server: "tickets", tool: "read_ticket", requestDigest: "d1", findings: ["instructions:0.97"], bytes: 812, resultDigest: "r1" };
const call: QuarantinedCall = { agent: "triage-bot", principal: "ana", taskId: "t-1", requestDigest: "d1" };
const hold = (over = {}) => ({ kind: "quarantine.hold", item: { ...item, ...over } });
const settle = (verdict: string, quarantineId = "q-1") => ({ kind: "quarantine.settle", quarantineId, verdict, comment: "read it" });

function held(): Desk {
  const desk = new Desk();
  openTask(desk);
  desk.submit(hold(), caller);
  return desk;
}

describe("a quarantined result", () => {
  it.each<[string, (desk: Desk) => void, string, object | null]>([
    ["is held until a person settles it", () => {}, "held", null],
    ["is there whole once it is released", (d) => d.submit(settle("release"), ben), "released", { quarantineId: "q-1", verdict: "release" }],
    ["is there to be redacted", (d) => d.submit(settle("redact"), op), "redacted", { quarantineId: "q-1", verdict: "redact" }],
    ["is gone once it is deleted", (d) => d.submit(settle("delete"), ben), "deleted", null],
    ["can be taken back after its release", (d) => (d.submit(settle("release"), ben), d.submit(settle("delete"), op)), "deleted", null],
    ["is nothing any more when it expires unread", (d) => (d.nowMs += 24 * hour), "none", null],
    ["is nothing any more when it expires released", (d) => (d.submit(settle("release"), ben), (d.nowMs += 24 * hour)), "none", null],
    ["is there to its last millisecond", (d) => (d.submit(settle("release"), ben), (d.nowMs += 24 * hour - 1)), "released", { quarantineId: "q-1", verdict: "release" }],
  ])("%s", (_name, act, kind, released) => {
    const desk = held();
    act(desk);
    expect(findQuarantine(desk.state, call, desk.nowMs).kind).toBe(kind);
    expect(releasedFor(desk.state, call, desk.nowMs)).toEqual(released);
  });

  it.each<[string, Partial<QuarantinedCall>]>([
    ["agent", { agent: "other-bot" }],
    ["principal", { principal: "bob" }],
    ["task", { taskId: "t-2" }],
    ["request", { requestDigest: "d2" }],
  ])("answers no call of another %s", (_what, over) => {
    const desk = held();
    desk.submit(settle("release"), ben);
    expect(releasedFor(desk.state, { ...call, ...over }, desk.nowMs)).toBeNull();
  });

  it("is worth looking for only for agents that have one, while they have it", () => {
    const desk = held();
    expect(mayBeQuarantined(new Desk().state, "triage-bot", desk.nowMs)).toBe(false);
    expect(mayBeQuarantined(desk.state, "triage-bot", desk.nowMs)).toBe(true);
    expect(mayBeQuarantined(desk.state, "other-bot", desk.nowMs)).toBe(false);
    expect(mayBeQuarantined(desk.state, "triage-bot", desk.nowMs + 24 * hour)).toBe(false);
  });

  it("is kept in the name of its caller, so many of one agent, and then no more", () => {
    const desk = new Desk();
    expect(desk.outcome(hold(), { ...caller, principal: "mallory" })).toBe("403 E_NOT_THE_CALLER");
    for (let n = 0; n < MAX_HELD_PER_AGENT; n++) expect(desk.outcome(hold({ requestDigest: `d${n}` }), caller)).toBe("ok");
    expect(desk.outcome(hold(), caller)).toBe("429 E_QUARANTINE_FULL");
    desk.submit(settle("delete"), ben);
    expect(desk.outcome(hold(), caller)).toBe("ok");
  });
});

describe("quarantine.settle", () => {
  it.each<[string, string, Parameters<Desk["outcome"]>[1], string]>([
    ["an approver releases", "release", ben, "ok"],
    ["an operator redacts", "redact", op, "ok"],
    ["an agent", "release", caller, "403 E_ROLE"],
    ["the one on whose behalf the call was made", "release", actor("ana", "approver"), "403 E_SELF_RELEASE"],
    ["the same, redacted", "redact", actor("ana", "approver"), "403 E_SELF_RELEASE"],
    ["the opener of the task", "release", actor("otto", "operator"), "403 E_SELF_RELEASE"],
    ["the one on whose behalf it was deletes", "delete", actor("ana", "approver"), "ok"],
    ["a verdict that there is not", "burn", ben, "400 E_COMMAND"],
  ])("%s (%s)", (_who, verdict, by, expected) => {
    expect(held().outcome(settle(verdict), by)).toBe(expected);
  });

  it.each<[string, (desk: Desk) => void, string, string]>([
    ["released", (d) => d.submit(settle("release"), ben), "release", "409 E_QUARANTINE_OVER"],
    ["released", (d) => d.submit(settle("release"), ben), "redact", "409 E_QUARANTINE_OVER"],
    ["deleted", (d) => d.submit(settle("delete"), ben), "release", "409 E_QUARANTINE_OVER"],
    ["deleted", (d) => d.submit(settle("delete"), ben), "delete", "409 E_QUARANTINE_OVER"],
    ["expired", (d) => (d.nowMs += 24 * hour), "release", "409 E_QUARANTINE_OVER"],
  ])("is a conflict when it is %s already (%#)", (_status, act, verdict, expected) => {
    const desk = held();
    act(desk);
    expect(desk.outcome(settle(verdict), op)).toBe(expected);
  });

  it("knows no result that was never kept", () => {
    expect(new Desk().outcome(settle("release", "q-404"), ben)).toBe("404 E_QUARANTINE_UNKNOWN");
  });
});
