import { describe, expect, it } from "vitest";
import { approvedServers } from "../../../proxy/registry/approved.ts";
import { isCallable } from "../../../proxy/registry/callable.ts";
import { serverEntrySchema, type RegistrySnapshot } from "../../../proxy/registry/server-entry.ts";
import { seededRandom } from "../../support/random.ts";

const where = { environment: "production", nowMs: Date.parse("2026-11-22T00:00:00Z") };
const server = (name: string, over: object) =>
  serverEntrySchema.parse({ name, lifecycle: "approved", environments: ["production"], endpoint: { transport: "stdio", command: "x" }, ...over });
const registryOf = (...entries: ReturnType<typeof server>[]): RegistrySnapshot => ({ revision: "r1", servers: new Map(entries.map((entry) => [entry.name, entry])) });
const byClass = (registry: RegistrySnapshot, taskClass?: string) => approvedServers(registry, { ...where, taskClass }).map((one) => [one.taskClass, ...one.servers.map((s) => s.server)]);

describe("which servers are approved for which task classes", () => {
  const registry = registryOf(
    server("wiki", {}),
    server("tickets", { taskClasses: ["triage"] }),
    server("deploy", { taskClasses: ["release", "triage"] }),
    server("draft", { lifecycle: "proposed", taskClasses: ["release"] }),
    server("lab", { environments: ["development"], taskClasses: ["release"] }),
    server("over", { lifecycle: "deprecated", sunset: "2026-11-21" }),
    server("old", { lifecycle: "deprecated", sunset: "2026-11-22", taskClasses: ["archive"] }),
  );

  it("is a row for each class that somebody names, and one for all others", () => {
    expect(byClass(registry)).toEqual([
      ["archive", "old", "wiki"],
      ["release", "deploy", "wiki"],
      ["triage", "deploy", "tickets", "wiki"],
      ["*", "wiki"],
    ]);
  });

  it("can be asked for one class, known or not", () => {
    expect(byClass(registry, "release")).toEqual([["release", "deploy", "wiki"]]);
    expect(byClass(registry, "unheard-of")).toEqual([["unheard-of", "wiki"]]);
  });

  it("says what else matters of each", () => {
    expect(approvedServers(registry, { ...where, taskClass: "archive" })[0]!.servers[0]).toEqual({ server: "old", version: "0", lifecycle: "deprecated", sunset: "2026-11-22", riskTier: "", owner: "", mode: "enforce" });
  });
});

it("the list never says more or less than what a call would meet", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const r = seededRandom(seed);
    const registry = registryOf(
      ...Array.from({ length: r.int(1, 8) }, (_, i) =>
        server(`s${i}`, {
          lifecycle: r.pick(["proposed", "approved", "deprecated", "retired"]),
          ...r.pick([{}, { sunset: "2026-11-21" }, { sunset: "2026-11-22" }, { sunset: "2030-01-01" }]),
          environments: r.pick([["production"], ["development"], ["production", "development"]]),
          taskClasses: r.pick([[], ["a"], ["a", "b"], ["c"]]),
        }),
      ),
    );
    for (const { taskClass, servers } of approvedServers(registry, where)) {
      const open = [...registry.servers.values()].filter((entry) => isCallable(entry, { ...where, taskClass }).ok);
      expect({ seed, taskClass, servers: servers.map((s) => s.server) }).toEqual({ seed, taskClass, servers: open.map((entry) => entry.name).sort() });
    }
  }
});
