import { describe, expect, it } from "vitest";
import type { Scope } from "../../../proxy/state/control-event.ts";
import { createLocalControl } from "../../../proxy/state/local-control.ts";
import { stopFor } from "../../../proxy/state/stops.ts";
import { systemActor } from "../../../proxy/state/command.ts";
import { build, operator } from "./scratch.ts";

const call = { agent: "build", server: "files", tool: "read", taskId: "tk-1" };

describe("a call of build's to files/read in task tk-1 is stopped by a stop of", () => {
  const table: [Scope, boolean][] = [
    [{ agent: "build" }, true],
    [{ agent: "other" }, false],
    [{ server: "files" }, true],
    [{ server: "mail" }, false],
    [{ tool: "read" }, true],
    [{ tool: "write" }, false],
    [{ taskId: "tk-1" }, true],
    [{ taskId: "tk-2" }, false],
    [{ agent: "build", server: "files" }, true],
    [{ agent: "build", server: "mail" }, false],
    [{ server: "files", tool: "write" }, false],
  ];
  it.each(table)("%j: %s", async (scope, expected) => {
    const control = createLocalControl();
    expect(stopFor(control.state, call)).toBe(null);
    await control.submit({ kind: "stop.set", scope, reason: "test" }, operator);
    expect(stopFor(control.state, call) !== null).toBe(expected);
  });
});

it("a stop that names an agent does not hold for calls without one, nor one of a task outside of tasks", async () => {
  const control = createLocalControl();
  await control.submit({ kind: "stop.set", scope: { taskId: "tk-1" }, reason: "test" }, operator);
  expect(stopFor(control.state, { ...call, taskId: "" })).toBe(null);
});

it("a stop holds until it is cleared, and of two the older is named", async () => {
  const control = createLocalControl();
  const set = (reason: string) => control.submit({ kind: "stop.set", scope: { agent: "build" }, reason }, operator);
  await set("first");
  await set("second");
  expect(stopFor(control.state, call)).toMatchObject({ reason: "first", by: "ops" });
  await control.submit({ kind: "stop.clear", stopId: stopFor(control.state, call)!.stopId }, operator);
  expect(stopFor(control.state, call)).toMatchObject({ reason: "second" });
  await control.submit({ kind: "stop.clear", stopId: stopFor(control.state, call)!.stopId }, operator);
  expect(stopFor(control.state, call)).toBe(null);
});

describe("refused is", () => {
  const table: [string, Record<string, unknown> & { kind: string }, typeof operator, number][] = [
    ["a stop by an agent", { kind: "stop.set", scope: { agent: "x" }, reason: "r" }, build, 403],
    ["a stop by an approver", { kind: "stop.set", scope: { agent: "x" }, reason: "r" }, { ...build, roles: ["approver"] }, 403],
    ["a stop of everything", { kind: "stop.set", scope: {}, reason: "r" }, operator, 400],
    ["a stop of something unknown", { kind: "stop.set", scope: { planet: "x" }, reason: "r" }, operator, 400],
    ["a stop without a reason", { kind: "stop.set", scope: { agent: "x" }, reason: "  " }, operator, 400],
    ["clearing what is not there", { kind: "stop.clear", stopId: "st-1" }, operator, 404],
    ["clearing by an agent", { kind: "stop.clear", stopId: "st-1" }, build, 403],
    ["news of files by anybody but the proxy", { kind: "files.refuse", part: "policies", problems: [] }, operator, 403],
  ];
  it.each(table)("%s", async (_name, command, actor, status) => {
    const control = createLocalControl();
    expect(await control.submit(command, actor)).toMatchObject({ ok: false, status });
    expect(control.state.seq).toBe(0);
  });
});

it("files that were refused become an event, cut to its bounds", async () => {
  const control = createLocalControl();
  const events: unknown[] = [];
  control.onEntry(({ event, by }) => events.push({ ...event, by }));
  const problems = Array.from({ length: 60 }, (_, i) => `${i} ${"x".repeat(600)}`);
  expect(await control.submit({ kind: "files.refuse", part: "policies", problems }, systemActor)).toMatchObject({ ok: true });
  expect(events).toEqual([{ kind: "files.refused", part: "policies", problems: problems.slice(0, 50).map((p) => p.slice(0, 500)), by: "signalbox" }]);
});
