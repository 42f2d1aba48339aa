import { afterAll, beforeAll, expect, it } from "vitest";
import { unknownServers } from "../../../proxy/registry/inventory/unknown-servers.ts";
import { hour, insertCalls, startTestStore, type TestStore } from "../analytics/seed.ts";

const now = Date.UTC(2026, 10, 22, 12);
let test: TestStore;

beforeAll(async () => {
  test = await startTestStore();
  const refused = { tool: "", denied: true, reason: "unknown_server" };
  await insertCalls(test.store, [
    { atMs: now - 3 * hour, agent: "triage", server: "jira", ...refused },
    { atMs: now - 2 * hour, agent: "release", server: "jira", ...refused },
    { atMs: now - 2 * hour, agent: "triage", server: "jira", ...refused },
    { atMs: now - 1 * hour, agent: "triage", server: "wiki", ...refused },
    { atMs: now - 1 * hour, agent: "triage", server: "since-registered", ...refused },
    { atMs: now - 1 * hour, agent: "triage", server: "", ...refused },
    { atMs: now - 1 * hour, agent: "triage", server: "files", tool: "read", denied: true, reason: "rule" },
    { atMs: now - 48 * hour, agent: "triage", server: "long-ago", ...refused },
    ...Array.from({ length: 14 }, (_, i) => ({ atMs: now - hour, agent: `agent-${String(i).padStart(2, "0")}`, server: "popular", ...refused })),
  ]);
});
afterAll(() => test.stop());

it("lists what agents asked for and the registry lacks, with counts, agents and the last time", async () => {
  const servers = await unknownServers(test.store, now - 24 * hour, new Set(["since-registered"]));
  expect(servers.map((s) => [s.server, s.calls, s.agentCount, s.lastSeenMs])).toEqual([
    ["popular", 14, 14, now - hour],
    ["jira", 3, 2, now - 2 * hour],
    ["wiki", 1, 1, now - hour],
  ]);
  expect(servers[1]!.agents).toEqual(["release", "triage"]);
  expect(servers[0]!.agents).toHaveLength(10);
});
