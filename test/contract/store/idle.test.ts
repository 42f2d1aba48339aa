import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { startEngine, type TestEngine } from "../../support/engine.ts";

let engine: TestEngine;
let store: Store;
beforeAll(async () => {
  engine = await startEngine({ limits: { maxServerMemoryBytes: 1_500_000_000, markCacheBytes: 64 * 1024 * 1024 } as never });
  store = createStoreClient({ url: engine.url, caller: "test" });
});
afterAll(async () => {
  await store?.close();
  await engine?.stop();
});

it("the embedded store's memory and caches are bounded, and nothing writes system logs", async () => {
  const rows = await store.query<{ name: string; value: string }>(
    "SELECT name, value FROM system.server_settings WHERE name IN ('max_server_memory_usage', 'mark_cache_size', 'index_mark_cache_size', 'compiled_expression_cache_size', 'asynchronous_metrics_update_period_s') ORDER BY name",
  );
  expect(Object.fromEntries(rows.map((row) => [row.name, Number(row.value)]))).toEqual({
    asynchronous_metrics_update_period_s: 60,
    compiled_expression_cache_size: 32 * 1024 * 1024,
    index_mark_cache_size: 64 * 1024 * 1024,
    mark_cache_size: 64 * 1024 * 1024,
    max_server_memory_usage: 1_500_000_000,
  });
  await store.query("SELECT count() FROM numbers(1000)");
  expect(await store.query("SELECT name FROM system.tables WHERE database = 'system' AND name LIKE '%\\\\_log'")).toEqual([]);
});

it("a server's configuration gives every system log that it leaves on an end", async () => {
  const text = await readFile(new URL("../../../collector/deploy/shared/logs-and-memory.xml", import.meta.url), "utf8");
  const logs = [...text.matchAll(/<(\w+_log)>(.*?)<\/\1>/gs)];
  expect(logs.map(([, name]) => name)).toEqual(["query_log", "part_log", "error_log"]);
  for (const [, , body] of logs) expect(body).toMatch(/TTL event_date \+ INTERVAL \d+ DAY/);
  const open = [...text.replace(/<!--.*?-->/gs, "").matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)].filter(([, , , selfClosed]) => selfClosed === "");
  const stack: string[] = [];
  for (const [, slash, name = ""] of open) {
    if (slash === "") stack.push(name);
    else expect(stack.pop()).toBe(name);
  }
  expect(stack).toEqual([]);
});
