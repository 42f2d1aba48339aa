import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createPublisher, type PublishStore } from "../../../proxy/registry/publish.ts";
import { serverEntrySchema, type ServerEntry } from "../../../proxy/registry/server-entry.ts";

interface Inserted {
  table: string;
  rows: readonly object[];
  token: string | undefined;
}

const inserted: Inserted[] = [];
let away = false;
const store: PublishStore = {
  insert(table, rows, options) {
    if (away) return Promise.reject(new Error("nobody there"));
    inserted.push({ table, rows, token: options?.deduplicationToken });
    return Promise.resolve();
  },
};

const entry = serverEntrySchema.parse({ name: "files", version: "2", owner: "team", lifecycle: "approved", endpoint: { transport: "stdio", command: "x" } }) as ServerEntry;
const snapshot = (revision: string) => ({ revision, servers: new Map([["files", entry]]) });
const publisher = () => createPublisher({ store, clock: manualClock(Date.UTC(2026, 10, 22)), logger: silentLogger });

beforeEach(() => {
  inserted.length = 0;
  away = false;
  vi.useFakeTimers();
});
afterEach(() => void vi.useRealTimers());

test("a revision is one row a server, a policy set one row", async () => {
  const publishing = publisher();
  publishing.registry(snapshot("r1"));
  publishing.policies({ version: "p1", rules: "[]" });
  await vi.advanceTimersByTimeAsync(0);
  expect(inserted).toMatchObject([
    { table: "registry_servers", rows: [{ revision: "r1", server: "files", owner: "team", contact: "", transport: "stdio", published_at: "2026-11-22T00:00:00.000Z" }] },
    { table: "policy_versions", rows: [{ version: "p1", rules: "[]" }], token: "p1" },
  ]);
  await publishing.stop();
});

test("what the store did not take is tried again, in order, and with the same token", async () => {
  away = true;
  const publishing = publisher();
  publishing.policies({ version: "p1", rules: "[]" });
  await vi.advanceTimersByTimeAsync(0);
  publishing.policies({ version: "p2", rules: "[]" });
  await vi.advanceTimersByTimeAsync(5000);
  expect(inserted).toEqual([]);
  away = false;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(inserted.map((i) => i.token)).toEqual(["p1", "p2"]);
  await publishing.stop();
  await publishing.stop();
});

test("after stopping nothing is tried any more", async () => {
  away = true;
  const publishing = publisher();
  publishing.registry(snapshot("r1"));
  await vi.advanceTimersByTimeAsync(0);
  await publishing.stop();
  away = false;
  await vi.advanceTimersByTimeAsync(600_000);
  expect(inserted).toEqual([]);
});
