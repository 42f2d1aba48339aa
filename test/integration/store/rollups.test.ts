import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { loadSql, splitStatements } from "../../../collector/store/sql-file.ts";
import { stepSeconds } from "../../../dashboards/range.ts";
import { select } from "../../../dashboards/rows.ts";
import type { TestEngine } from "../../support/engine.ts";
import { startMigratedEngine } from "../../support/migrated-engine.ts";
import { seededRandom } from "../../support/random.ts";

const migrations = new URL("../../../collector/store/migrations/", import.meta.url);
const generateSql = loadSql(new URL("../../bench/queries/generate.sql", import.meta.url));
const hour = 3600_000;
const day = 24 * hour;
/** Not at the start of anything. */
const startMs = Date.UTC(2026, 4, 30, 17, 41, 13, 217);
const days = 4.3;
const calls = 30_000;

let engine: TestEngine;
let store: Store;

beforeAll(async () => {
  engine = await startMigratedEngine();
  store = createStoreClient({ url: engine.url, caller: "test" });
  // The newest first: batches need not come in the order of time.
  for (const first of [20_000, 0, 10_000]) await store.command(generateSql.text, { first, count: 10_000, total: calls, start_us: startMs * 1000, days });
});
afterAll(async () => {
  await store?.close();
  await engine?.stop();
});

const raw = (name: string, params: Record<string, number>) =>
  store.query<Record<string, unknown>>(loadSql(new URL(`../../support/raw-queries/${name}.sql`, import.meta.url)), { ...params, table: "calls" });

const random = seededRandom(13);
const endMs = startMs + days * day;
const floor = (ms: number, unit: number) => Math.floor(ms / unit) * unit;
const ranges = [
  ["all of it", startMs - day, endMs + day],
  ["whole days", floor(startMs, day) + day, floor(endMs, day)],
  ["whole hours of two days", floor(startMs, day) + day - 3 * hour, floor(startMs, day) + day + 5 * hour],
  ["hours of one day", floor(startMs, day) + 1.5 * day, floor(startMs, day) + 1.9 * day],
  ["minutes of one hour", floor(startMs, hour) + 3 * hour + 61_007, floor(startMs, hour) + 3 * hour + 1_700_001],
  ["minutes of two hours", floor(startMs, hour) + 5 * hour - 200_001, floor(startMs, hour) + 5 * hour + 300_000],
  ["nothing", endMs + day, endMs + 2 * day],
  ...Array.from({ length: 12 }, (_, i) => {
    const from = startMs - hour + random.int(0, days * day);
    return [`random ${i}`, from, from + 60_000 + random.int(0, endMs - startMs)] as const;
  }),
] as const;

describe.each(ranges)("the console's answers for %s", (_, fromMs, toMs) => {
  const params = { from_ms: Math.floor(fromMs), to_ms: Math.floor(toMs) };

  it.each(["totals", "top-denied", "facets"])("%s is the same as from every call", async (name) => {
    expect(await select(store, name, params)).toEqual(await raw(name, params));
  });

  it.each([stepSeconds({ fromMs, toMs }), 60, 3600, 21_600, 86_400])("series in steps of %i s is the same as from every call", async (step_s) => {
    expect(await select(store, "series", { ...params, step_s })).toEqual(await raw("series", { ...params, step_s }));
  });

  // A t-digest promises no error of the value but one of the rank: it lies between the exact quantiles a percent beside.
  it("latency is off by a hundredth of the calls at most", async () => {
    const [row] = await select<{ upstream: number[]; proxy: number[] }>(store, "latency", params);
    const [bounds] = await store.query<Record<string, number[]>>(
      `SELECT
         quantilesExactInclusive(0.49, 0.94, 0.98)(assumeNotNull(upstream_us)) AS upstream_low, quantilesExactInclusive(0.51, 0.96, 1)(assumeNotNull(upstream_us)) AS upstream_high,
         quantilesExactInclusive(0.49, 0.94, 0.98)(proxy_us) AS proxy_low, quantilesExactInclusive(0.51, 0.96, 1)(proxy_us) AS proxy_high,
         toUInt32(count()) AS n
       FROM calls WHERE method = 'tools/call' AND isNotNull(upstream_us)
         AND ts >= toStartOfMinute(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND ts < fromUnixTimestamp64Milli(intDiv({to_ms:Int64} + 59999, 60000) * 60000, 'UTC')`,
      params,
    );
    if (Number(bounds!.n) < 200) return;
    for (const side of ["upstream", "proxy"] as const) {
      row![side].forEach((value, i) => {
        expect(value).toBeGreaterThanOrEqual(Math.floor(bounds![`${side}_low`]![i]!));
        expect(value).toBeLessThanOrEqual(Math.ceil(bounds![`${side}_high`]![i]!));
      });
    }
  });
});

const counted = "server, tool, method, agent, task_class, environment, risk_tier, decision, basis, outcome";
const rollups = [
  { table: "calls_1m", time: "minute", start: "toStartOfMinute", by: counted },
  { table: "calls_1h", time: "hour", start: "toStartOfHour", by: counted },
  { table: "calls_1d", time: "day", start: "toStartOfDay", by: counted },
  { table: "latency_1m", time: "minute", start: "toStartOfMinute", by: "server, tool" },
  { table: "latency_1h", time: "hour", start: "toStartOfHour", by: "server, tool" },
  { table: "latency_1d", time: "day", start: "toStartOfDay", by: "server, tool" },
  { table: "latency_by_agent_1h", time: "hour", start: "toStartOfHour", by: "agent, server, tool, task_class, decision" },
];

/** Every row of each rollup as one fingerprint, beside that of the calls. */
async function expectEqualToCalls(): Promise<void> {
  for (const { table, time, start, by } of rollups) {
    const counters = table.startsWith("calls");
    const more = counters ? ", sum(t.duration_us), sum(t.request_bytes), sum(t.result_bytes)" : "";
    const print = (n: string, at: string, from: string) =>
      `SELECT sum(n) AS calls, groupBitXor(print) AS print FROM (SELECT ${n} AS n, cityHash64(${at} AS unit, ${by}, n${more}) AS print FROM ${from} GROUP BY unit, ${by})`;
    const forwarded = counters ? "" : " WHERE method = 'tools/call' AND isNotNull(upstream_us)";
    const kept = await store.query(print("sum(t.calls)", `t.${time}`, `${table} AS t`));
    const made = await store.query(print(counters ? "sum(t.attempts)" : "count()", `${start}(toDateTime(t.ts, 'UTC'))`, `calls AS t${forwarded}`));
    expect(kept, table).toEqual(made);
  }
}

describe("the rollups by hour and by day", () => {
  it("hold what the calls hold, row by row", expectEqualToCalls);

  it("leave out a batch that is sent again", async () => {
    const row = { ts: new Date(startMs).toISOString(), producer: "again", seq: 1, server: "s", tool: "t", method: "tools/call", agent: "a", decision: "allow", upstream_us: 5, proxy_us: 2, attempts: 3 };
    for (let i = 0; i < 2; i++) await store.insert("calls", [row], { deduplicationToken: "batch 1" });
    expect(await store.query("SELECT toUInt32(count()) AS n FROM calls WHERE producer = 'again'")).toEqual([{ n: 1 }]);
    await expectEqualToCalls();
  });

  it("are filled from what a store of an older version holds, also when that is cut off and repeated", async () => {
    const statements = splitStatements(readFileSync(new URL("0013_hour_and_day_rollups.sql", migrations), "utf8"));
    const cuts = ["INSERT INTO calls_1d", "INSERT INTO latency_by_agent_1h"].map((start) => statements.findIndex((statement) => statement.startsWith(start)));
    for (const { table } of rollups.filter(({ table }) => !table.endsWith("_1m"))) await store.command(`DROP TABLE ${table}`);
    for (const end of [...cuts, statements.length]) for (const statement of statements.slice(0, end)) await store.command(statement);
    await expectEqualToCalls();
  });
});
