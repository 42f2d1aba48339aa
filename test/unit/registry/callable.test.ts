import { describe, expect, it } from "vitest";
import { isCallable, toolFacts } from "../../../proxy/registry/callable.ts";
import { credentialAge, deprecationNotice } from "../../../proxy/registry/lifecycle.ts";
import { serverEntrySchema, type ServerEntry } from "../../../proxy/registry/server-entry.ts";

const server = (over: object = {}): ServerEntry =>
  serverEntrySchema.parse({ name: "files", lifecycle: "approved", endpoint: { transport: "stdio", command: "x" }, ...over });

describe("the registry lets a server be called", () => {
  const call = { taskClass: "research", environment: "development" };
  const table: [string, ServerEntry | undefined, object, string][] = [
    ["not when it does not have it", undefined, {}, "unknown_server"],
    ["not while it is proposed", server({ lifecycle: "proposed" }), {}, "server_not_approved"],
    ["when it is approved", server(), {}, "ok"],
    ["when it is deprecated", server({ lifecycle: "deprecated" }), {}, "ok"],
    ["not once it is retired", server({ lifecycle: "retired" }), {}, "server_retired"],
    ["not in an environment that the entry leaves out", server(), { environment: "production" }, "server_not_approved"],
    ["for any kind of task where the entry names none", server(), { taskClass: "release" }, "ok"],
    ["for a kind of task that the entry names", server({ taskClasses: ["triage", "research"] }), {}, "ok"],
    ["not for another kind of task", server({ taskClasses: ["triage"] }), {}, "task_class_not_approved"],
    ["not for a task without a kind where the entry names some", server({ taskClasses: ["triage"] }), { taskClass: "" }, "task_class_not_approved"],
    ["for a credential whose scope holds it", server(), { servers: ["mail", "files"] }, "ok"],
    ["not for a credential whose scope leaves it out", server(), { servers: ["mail"] }, "out_of_scope"],
    ["not when retired, whatever the scope says", server({ lifecycle: "retired" }), { servers: ["mail"] }, "server_retired"],
  ];
  it.each(table)("%s", (_name, entry, over, expected) => {
    const answer = isCallable(entry, { ...call, ...over });
    expect(answer.ok ? "ok" : answer.reason).toBe(expected);
  });
});

describe("a deprecated server", () => {
  const entry = server({ lifecycle: "deprecated", sunset: "2027-01-31" });
  const at = (time: string) => isCallable(entry, { taskClass: "research", environment: "development", nowMs: Date.parse(time) });
  it("may be called until the end of its sunset day, in UTC", () => expect(at("2027-01-31T23:59:59.999Z")).toEqual({ ok: true }));
  it("is refused from the next moment on, with a reason of its own", () => expect(at("2027-02-01T00:00:00Z")).toEqual({ ok: false, reason: "server_sunset" }));
  it("says until when, and what to use instead", () => {
    const message = "files is deprecated and will be refused after 2027-01-31. Use files-v2 instead.";
    expect(deprecationNotice({ ...entry, replacedBy: "files-v2" })).toEqual({ sunset: "2027-01-31", replacedBy: "files-v2", message });
    expect(deprecationNotice(server())).toBeUndefined();
  });
});

describe("of a credential the registry says", () => {
  const nowMs = Date.parse("2026-11-22T12:00:00Z");
  const age = (credential: object) => credentialAge(server({ credential }), nowMs);
  it("its name and its age in days", () => expect(age({ name: "tickets-key", rotatedAt: "2026-11-12" })).toEqual({ name: "tickets-key", rotatedAt: "2026-11-12", ageDays: 10 }));
  it("by how much its rotation is overdue", () => expect(age({ name: "k", rotatedAt: "2026-08-14", rotateEveryDays: 90 })).toMatchObject({ ageDays: 100, dueInDays: -10 }));
  it("its name alone where nobody wrote down when it was rotated", () => expect(age({ name: "k", rotateEveryDays: 90 })).toEqual({ name: "k" }));
});

describe("of a tool the registry says", () => {
  const entry = server({ tools: { read: { effect: "read", trusted: true } } });
  it("what its entry says", () => expect(toolFacts(entry, "read")).toEqual({ effect: "read", trusted: true }));
  it("the worst when it lists no such tool", () => expect(toolFacts(entry, "drop")).toEqual({ effect: "destructive", trusted: false }));
  it("the worst of a name that every object has", () => expect(toolFacts(entry, "constructor").effect).toBe("destructive"));
});
