import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { createPublisher } from "../../../proxy/registry/publish.ts";
import { serverEntrySchema, type RegistrySnapshot } from "../../../proxy/registry/server-entry.ts";
import type { TestEngine } from "../../support/engine.ts";
import { startMigratedEngine } from "../../support/migrated-engine.ts";
import { waitFor } from "../../support/wait.ts";

let engine: TestEngine;
let store: Store;
beforeAll(async () => {
  engine = await startMigratedEngine();
  store = createStoreClient({ url: engine.url, caller: "test" });
});
afterAll(async () => {
  await store.close();
  await engine.stop();
});

const stdio = { transport: "stdio", command: "x" };
const entries = [
  serverEntrySchema.parse({ name: "tickets", version: "2", owner: "support", contact: "#support", riskTier: "medium", lifecycle: "approved", taskClasses: ["triage", "release"], endpoint: stdio, rollout: [{ version: "3", weight: 10, endpoint: stdio }, { version: "1", weight: 5, lifecycle: "retired", endpoint: stdio }], credential: { name: "tickets-key", rotatedAt: "2026-10-01", rotateEveryDays: 90 }, tools: { read: { effect: "read" } } }),
  serverEntrySchema.parse({ name: "wiki", lifecycle: "deprecated", sunset: "2026-12-31", replacedBy: "tickets", endpoint: stdio }),
  serverEntrySchema.parse({ name: "draft", endpoint: stdio, taskClasses: ["triage"] }),
];
const support = { kind: "team", id: "support", name: "Support", contact: "#support", members: ["ana", "bo"] } as const;
const snapshot: RegistrySnapshot = { revision: "r2", servers: new Map(entries.map((entry) => [entry.name, entry])), people: { byId: new Map([["support", support]]), contacts: new Set(["#support"]) } };

it("a published registry can be asked for everything that its files say", async () => {
  const publisher = createPublisher({ store, clock: manualClock(Date.UTC(2026, 10, 22)), logger: silentLogger });
  publisher.registry(snapshot);
  await waitFor("the rows", async () => (await store.query("SELECT server FROM registry_current")).length === 3);
  await publisher.stop();

  const [tickets] = await store.query<{ entry: string }>("SELECT * FROM registry_current WHERE server = 'tickets'");
  expect(tickets).toMatchObject({
    revision: "r2",
    owner: "support",
    owner_kind: "team",
    owner_members: ["ana", "bo"],
    mode: "enforce",
    sunset: null,
    credential: "tickets-key",
    credential_rotated_at: "2026-10-01",
    credential_rotate_every_days: 90,
    rollout_versions: ["3", "1"],
    rollout_weights: [10, 0],
    tools: ["read"],
    tool_effects: ["read"],
  });
  expect(JSON.parse(tickets!.entry)).toEqual(JSON.parse(JSON.stringify(entries[0])));
  expect(await store.query("SELECT sunset, replaced_by FROM registry_current WHERE server = 'wiki'")).toEqual([{ sunset: "2026-12-31", replaced_by: "tickets" }]);
});

it("the query in proxy/README.md says which servers are approved for which task classes", async () => {
  const readme = readFileSync(new URL("../../../proxy/README.md", import.meta.url), "utf8");
  const query = /```sql\n([^`]*registry_current[^`]*)```/.exec(readme)?.[1] ?? "";
  expect(await store.query(query)).toEqual([
    { task_class: "any", servers: ["wiki"] },
    { task_class: "release", servers: ["tickets"] },
    { task_class: "triage", servers: ["tickets"] },
  ]);
});
