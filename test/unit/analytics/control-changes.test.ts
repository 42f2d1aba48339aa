import { expect, test } from "vitest";
import { noticeOf } from "../../../analytics/jobs/control-changes/score.ts";

const change = (kind: string, event: Record<string, unknown>) => noticeOf({ kind, subject: "s", times: 1, by: "user:ada", event: { kind, ...event } });
const seen = { server: "orders", version: "2", tool: "search", change: "breaking", differences: ["inputSchema: limit is required now"], instructionScore: 0, action: "block" };

test("refused files say what is wrong and that the last good version stays", () => {
  const notice = change("files.refused", { part: "policies", problems: ["a.yaml:3:5 no such thing"] });
  expect(notice).toMatchObject({ severity: "ticket", entity: "policies" });
  expect(notice?.summary).toMatch(/stays so: a\.yaml:3:5/);
});

test.each([
  ["an ordinary first sighting", { change: "first", action: "pass" }, undefined],
  ["a change that callers need not notice", { change: "compatible", action: "pass" }, "info"],
  ["a change that is blocked", {}, "ticket"],
  ["a tool that vanished", { change: "vanished", action: "pass" }, "info"],
  ["a description that carries instructions", { change: "first", action: "hold", instructionScore: 0.9 }, "page"],
])("of a tool's definition: %s", (_name, changes, severity) => {
  expect(change("tool.seen", { ...seen, ...changes })?.severity).toBe(severity);
});

test("break-glass wakes somebody, an ordinary exception does not", () => {
  const exception = { exceptionId: "ex-1", scope: { agent: "a", server: "orders" }, reason: "incident 12: restore orders by hand", approvedBy: "user:ada" };
  expect(change("exception.granted", { exception: { ...exception, breakGlass: true } })).toMatchObject({ severity: "page", entity: "ex-1", server: "orders", agent: "a" });
  expect(change("exception.granted", { exception: { ...exception, breakGlass: false } })).toBeNull();
});
