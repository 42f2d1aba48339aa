import { afterAll, beforeAll, expect, test } from "vitest";
import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import { insertCalls, minute, startTestStore, type TestStore } from "./seed.ts";

const valuesSql = loadSql(new URL("../../../analytics/jobs/unusual-sequences/argument-values.sql", import.meta.url));

const june = Date.UTC(2026, 5, 30, 12);
const july = Date.UTC(2026, 6, 2, 12);
let engine: TestStore;
let store: Store;

beforeAll(async () => {
  engine = await startTestStore();
  store = engine.store;
  // A repeated insert and a value that comes again in the next month are no values more.
  await insertCalls(store, payments(june, 0, 3));
  await insertCalls(store, payments(june, 0, 3));
  await insertCalls(store, payments(july, 2, 8));
});
afterAll(() => engine?.stop());

/** Each to one of two parties, with a note of its own. */
const payments = (atMs: number, from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({
    atMs: atMs + i * minute,
    agent: "a",
    server: "bank",
    tool: "pay",
    taskId: `t${from + i}`,
    taskClass: "pay",
    effect: "egress",
    seq: from + i + 1,
    columns: { arg_paths: ["/to", "/note"], arg_digests: [`party-${(from + i) % 2}`, `note-${from + i}`], arg_flow_from: [0, 0], arg_flow_scores: [0, 0] },
  }));

const read = async (most: number): Promise<string[]> => {
  const rows = await store.query<{ place: string; class: string; digest: string; tasks: number }>(valuesSql, { servers: ["bank"], tools: ["pay"], before_ms: july + 60 * minute, most, most_in_all: 1000 });
  return rows.map((row) => `${row.place} ${row.digest}: ${row.tasks}`).sort();
};

test("a place where every call brings its own value is left out, with the values of all months counted", async () => {
  const parties = ["bank/pay/egress/to party-0: 4", "bank/pay/egress/to party-1: 4"];
  const notes = Array.from({ length: 8 }, (_, i) => `bank/pay/egress/note note-${i}: 1`);
  expect(await read(7)).toEqual(parties);
  expect(await read(8)).toEqual([...notes, ...parties]);
});

test("how many values a place has is known by month, without the values", async () => {
  const rows = await store.query("SELECT toString(path) AS path, toString(month) AS month, toUInt32(uniqCombinedMerge(12)(class_values)) AS known FROM argument_places GROUP BY path, month ORDER BY path, month");
  expect(rows).toEqual([
    { path: "/note", month: "2026-06-01", known: 3 },
    { path: "/note", month: "2026-07-01", known: 6 },
    { path: "/to", month: "2026-06-01", known: 2 },
    { path: "/to", month: "2026-07-01", known: 2 },
  ]);
  expect(await store.query("SELECT toString(path) AS path, toUInt32(uniqCombinedMerge(12)(class_values)) AS known FROM argument_places GROUP BY path ORDER BY path")).toEqual([
    { path: "/note", known: 8 },
    { path: "/to", known: 2 },
  ]);
});
