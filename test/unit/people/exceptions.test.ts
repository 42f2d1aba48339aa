import { describe, expect, it } from "vitest";
import { findException, withException, type ExceptedCall } from "../../../proxy/people/exceptions.ts";
import { reasonCodes, type DecisionResult } from "../../../proxy/policy/decision.ts";
import { actor, ben, caller, Desk, hour, op, openTask } from "./control.ts";

const day = 24 * hour;
const scope = { agent: "triage-bot", server: "github" };
const grant = (over: Record<string, unknown> = {}) => ({ kind: "exception.grant", scope, reason: "migration of the old tickets", expiresInMs: day, ...over });
const call: ExceptedCall = { agent: "triage-bot", principal: "ana", taskId: "t-1", server: "github", tool: "create_issue" };
const found = (desk: Desk, over: Partial<ExceptedCall> = {}) => findException(desk.state, { ...call, ...over }, desk.nowMs)?.exception.exceptionId ?? null;

describe("exception.grant", () => {
  const breakGlass = { breakGlass: true, reason: "payments are down, INC-42", expiresInMs: hour };
  it.each<[string, Record<string, unknown>, Parameters<Desk["outcome"]>[1], string]>([
    ["an operator, for somebody else's agent", {}, op, "ok"],
    ["an approver, for somebody else's agent", {}, ben, "ok"],
    ["an agent", {}, caller, "403 E_ROLE"],
    ["an operator for their own agent", {}, { principal: "olga", agent: "triage-bot", roles: ["operator"] }, "403 E_SELF_EXCEPTION"],
    ["an operator for themselves as a caller", { scope: { agent: "olga", server: "github" } }, op, "403 E_SELF_EXCEPTION"],
    ["the opener of the task that it is for", { scope: { taskId: "t-1", server: "github" } }, actor("otto", "operator"), "403 E_SELF_EXCEPTION"],
    ["the one on whose behalf the task is", { scope: { taskId: "t-1", server: "github" } }, actor("ana", "approver"), "403 E_SELF_EXCEPTION"],
    ["somebody else, for a task", { scope: { taskId: "t-1", server: "github" } }, op, "ok"],
    ["nobody, for everybody", { scope: { server: "github" } }, op, "400 E_EXCEPTION_SCOPE"],
    ["nobody, for every server", { scope: { agent: "triage-bot" } }, op, "400 E_EXCEPTION_SCOPE"],
    ["nobody, with a scope of nothing", { scope: {} }, op, "400 E_COMMAND"],
    ["nobody, without a reason", { reason: "  " }, op, "400 E_COMMAND"],
    ["an operator, for 30 days", { expiresInMs: 30 * day }, op, "ok"],
    ["nobody, for longer", { expiresInMs: 30 * day + 1 }, op, "400 E_EXCEPTION_LONG"],
    ["nobody, without an end", { expiresInMs: undefined }, op, "400 E_COMMAND"],
    ["an operator who breaks the glass for themselves", { ...breakGlass, scope: { agent: "olga" } }, op, "ok"],
    ["an agent that would break the glass", breakGlass, caller, "403 E_ROLE"],
    ["nobody who breaks it for more than an hour", { ...breakGlass, expiresInMs: hour + 1 }, op, "400 E_EXCEPTION_LONG"],
    ["nobody who breaks it and says 19 characters", { ...breakGlass, reason: "x".repeat(19) }, op, "400 E_EXCEPTION_REASON"],
    ["somebody who breaks it and says 20", { ...breakGlass, reason: "x".repeat(20) }, op, "ok"],
    ["nobody who breaks it for everybody", { ...breakGlass, scope: { server: "github" } }, op, "400 E_EXCEPTION_SCOPE"],
  ])("is granted by %s, or refused with its reason", (_who, over, by, expected) => {
    const desk = new Desk();
    openTask(desk);
    expect(desk.outcome(grant(over), by)).toBe(expected);
  });

  it("records who granted it, until when and why", () => {
    const desk = new Desk();
    desk.submit(grant(), op);
    expect(desk.entries.at(-1)).toMatchObject({ by: "olga", event: { exception: { exceptionId: "ex-1", scope, approvedBy: "olga", breakGlass: false, reason: "migration of the old tickets", expiresMs: desk.nowMs + day } } });
  });
});

describe("an exception", () => {
  it.each<[string, Record<string, unknown>, Partial<ExceptedCall>, boolean]>([
    ["covers a call that fits all of its scope", {}, {}, true],
    ["covers no other agent", {}, { agent: "other-bot" }, false],
    ["covers no other server", {}, { server: "payments" }, false],
    ["covers its tool", { scope: { ...scope, tool: "create_issue" } }, {}, true],
    ["covers no other tool", { scope: { ...scope, tool: "delete_repo" } }, {}, false],
    ["covers its task", { scope: { ...scope, taskId: "t-1" } }, {}, true],
    ["covers no other task", { scope: { ...scope, taskId: "t-2" } }, {}, false],
    ["covers nothing for the person who granted it", {}, { principal: "olga" }, false],
    ["covers the one who broke the glass", { breakGlass: true, reason: "payments are down, INC-42", expiresInMs: hour }, { principal: "olga" }, true],
  ])("%s", (_name, over, what, covered) => {
    const desk = new Desk();
    desk.submit(grant(over), op);
    expect(found(desk, what)).toBe(covered ? "ex-1" : null);
  });

  it("ends when its time is over, and not before", () => {
    const desk = new Desk();
    desk.submit(grant(), op);
    desk.nowMs += day - 1;
    expect(found(desk)).toBe("ex-1");
    desk.nowMs += 1;
    expect(found(desk)).toBeNull();
    expect(desk.outcome({ kind: "exception.revoke", exceptionId: "ex-1" }, op)).toBe("409 E_EXCEPTION_OVER");
  });

  it("ends at once when it is revoked, by an operator or an approver, once", () => {
    const desk = new Desk();
    desk.submit(grant(), op);
    const revoke = { kind: "exception.revoke", exceptionId: "ex-1", reason: "done" };
    expect(desk.outcome(revoke, caller)).toBe("403 E_ROLE");
    expect(found(desk)).toBe("ex-1");
    expect(desk.outcome(revoke, ben)).toBe("ok");
    expect(found(desk)).toBeNull();
    expect(desk.outcome(revoke, ben)).toBe("409 E_EXCEPTION_OVER");
    expect(desk.outcome({ ...revoke, exceptionId: "ex-404" }, ben)).toBe("404 E_EXCEPTION_UNKNOWN");
  });

  it("is used before break-glass, and the narrowest first", () => {
    const desk = new Desk();
    desk.submit(grant({ breakGlass: true, reason: "payments are down, INC-42", expiresInMs: hour, scope: { ...scope, tool: "create_issue" } }), ben);
    expect(found(desk)).toBe("ex-1");
    desk.submit(grant(), op);
    expect(found(desk)).toBe("ex-2");
    desk.submit(grant({ scope: { ...scope, tool: "create_issue" } }), op);
    expect(found(desk)).toBe("ex-3");
  });
});

describe("a decision with an exception", () => {
  const desk = new Desk();
  desk.submit(grant(), op);
  const exception = findException(desk.state, call, desk.nowMs);
  const result = (over: Partial<DecisionResult>): DecisionResult => ({ decision: "deny", basis: "explicit", policyIds: ["r"], policyVersion: "v", reason: "rule", message: "no", ...over });

  it("is an allow that says so, with the rules that it went against", () => {
    for (const decision of ["deny", "hold"] as const) {
      expect(withException(result({ decision }), exception)).toEqual(result({ decision: "allow", basis: "exception", reason: "exception", message: "" }));
    }
  });

  it("stays as it is without one, and where policy allows anyway", () => {
    expect(withException(result({}), null)).toEqual(result({}));
    expect(withException(result({ decision: "allow" }), exception)).toEqual(result({ decision: "allow" }));
  });

  it("opens what policy closed and nothing that anything else closed", () => {
    const opened = reasonCodes.filter((reason) => withException(result({ reason }), exception).decision === "allow");
    expect(opened).toEqual(["rule", "no_rule", "rule_error", "approval_required"]);
  });
});
