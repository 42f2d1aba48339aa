import { describe, expect, it } from "vitest";
import { isCallable, toolFacts } from "../../../proxy/registry/callable.ts";
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

describe("of a tool the registry says", () => {
  const entry = server({ tools: { read: { effect: "read", trusted: true } } });
  it("what its entry says", () => expect(toolFacts(entry, "read")).toEqual({ effect: "read", trusted: true }));
  it("the worst when it lists no such tool", () => expect(toolFacts(entry, "drop")).toEqual({ effect: "destructive", trusted: false }));
  it("the worst of a name that every object has", () => expect(toolFacts(entry, "constructor").effect).toBe("destructive"));
});
