import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { migrate } from "../../../collector/store/migrate.ts";
import { startEngine, type TestEngine } from "../../support/engine.ts";

let engine: TestEngine;
let store: Store;
const opened: Store[] = [];
const open = (database = "signalbox"): Store => {
  const one = createStoreClient({ url: engine.url, caller: "test", database });
  opened.push(one);
  return one;
};

beforeAll(async () => {
  engine = await startEngine();
  store = open();
});
afterAll(async () => {
  await Promise.all(opened.map((one) => one.close()));
  await engine?.stop();
});

describe("the store's client", () => {
  it("keeps what JavaScript's numbers cannot: 64-bit integers are strings, times ISO with their whole fraction", async () => {
    const rows = await store.query(
      "SELECT toUInt64(18446744073709551615) AS big, toInt64(-5) AS small, toUInt32(7) AS n, toDateTime64('2026-01-02 03:04:05.123456789', 9, 'UTC') AS t",
    );
    expect(rows).toEqual([{ big: "18446744073709551615", small: "-5", n: 7, t: "2026-01-02T03:04:05.123456789Z" }]);
  });

  it("binds parameters by name and type", async () => {
    const at = new Date("2026-01-02T03:04:05.678Z");
    const rows = await store.query("SELECT {at:DateTime64(3, 'UTC')} AS at, {s:String} AS s, {l:Array(UInt64)} AS l", {
      at,
      s: "a'b",
      l: [1n, 18446744073709551615n],
    });
    expect(rows).toEqual([{ at: "2026-01-02T03:04:05.678Z", s: "a'b", l: ["1", "18446744073709551615"] }]);
    await expect(store.query("SELECT {a:UInt8}", {})).rejects.toMatchObject({ code: "E_SQL_PARAM" });
    await expect(store.command("SELECT 1", { a: 1 })).rejects.toMatchObject({ code: "E_SQL_PARAM" });
  });

  it("inserts times as it reads them, a batch once for a token, and columns that are named", async () => {
    await store.command(
      "CREATE TABLE ticks (t DateTime64(9, 'UTC'), n UInt64 DEFAULT 9) ENGINE = MergeTree ORDER BY t SETTINGS non_replicated_deduplication_window = 10",
    );
    const rows = [{ t: "2026-01-02T03:04:05.123456789Z", n: "18446744073709551615" }];
    await store.insert("ticks", rows, { deduplicationToken: "a" });
    await store.insert("ticks", rows, { deduplicationToken: "a" });
    await store.insert("ticks", []);
    expect(await store.query("SELECT * FROM ticks")).toEqual(rows);
    await store.insert("ticks", [{ t: new Date(0) }], { columns: ["t"] });
    expect(await store.query("SELECT * FROM ticks WHERE n = 9")).toEqual([{ t: "1970-01-01T00:00:00.000000000Z", n: "9" }]);
  });

  it("streams, and stops the query when the reader leaves", async () => {
    let seen = 0;
    for await (const rows of store.stream<{ n: number }>("SELECT toUInt32(number) AS n FROM numbers({n:UInt64})", { n: 4_000_000_000 })) {
      seen += rows.length;
      if (seen > 10_000) break;
    }
    expect(seen).toBeGreaterThan(10_000);
    const running = "SELECT toUInt32(count()) AS n FROM system.processes WHERE query LIKE '%FROM numbers({n:UInt64})%' AND query NOT LIKE '%processes%'";
    await expect.poll(() => store.query(running), { timeout: 10_000 }).toEqual([{ n: 0 }]);
  });

  it("says who asks", async () => {
    const rows = await store.query<{ c: string }>("SELECT getSetting('log_comment') AS c");
    expect(rows).toEqual([{ c: "test" }]);
  });

  it("says when the store is not there", async () => {
    const nowhere = createStoreClient({ url: "http://127.0.0.1:9", caller: "test" });
    expect(await nowhere.ping()).toBe(false);
    await expect(nowhere.query("SELECT 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await nowhere.close();
  });
});

describe("migrations", () => {
  let dir: string;
  const files: Record<string, string> = {
    "0001_events.sql": `-- one subject
CREATE TABLE IF NOT EXISTS events (id UInt64, note String DEFAULT 'a;b') ENGINE = MergeTree ORDER BY id TTL toDateTime(id) + INTERVAL {ttl_days:UInt32} DAY;
CREATE TABLE IF NOT EXISTS totals (n UInt64) ENGINE = MergeTree ORDER BY n;
`,
    "0002_kind.sql": "ALTER TABLE events ADD COLUMN IF NOT EXISTS kind LowCardinality(String);\n",
  };
  const run = (on: Store): Promise<string[]> =>
    migrate({ store: on, folder: pathToFileURL(dir), params: { ttl_days: 30 }, logger: silentLogger });

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "signalbox-migrations-"));
    for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it("create their database, run once each with their parameters, and do nothing the second time", async () => {
    const own = open("fresh");
    expect(await run(own)).toEqual(Object.keys(files));
    expect(await run(own)).toEqual([]);
    expect(await own.query("SELECT name FROM system.columns WHERE database = 'fresh' AND table = 'events' ORDER BY position")).toEqual([
      { name: "id" },
      { name: "note" },
      { name: "kind" },
    ]);
    const [created] = await own.query<{ statement: string }>("SHOW CREATE TABLE events");
    expect(created?.statement).toMatch(/toIntervalDay\(.*30/);
  });

  it("need no right to create anything where nothing is to be done", async () => {
    const reader = createStoreClient({ url: engine.url, caller: "test", database: "fresh", username: "readonly" });
    opened.push(reader);
    expect(await run(reader)).toEqual([]);
  });

  it("run once where several processes start at the same time", async () => {
    const done = await Promise.all(Array.from({ length: 4 }, () => run(open("shared"))));
    expect(done.flat().sort()).toEqual(Object.keys(files));
    const [row] = await open("shared").query("SELECT toUInt32(count()) AS n FROM schema_migrations");
    expect(row).toEqual({ n: 2 });
  });

  it("go on after one that failed in the middle, and after a process that died with the lock", async () => {
    const own = open("broken");
    await writeFile(join(dir, "0003_bad.sql"), "CREATE TABLE IF NOT EXISTS half (a UInt8) ENGINE = Memory;\nCREATE TABLE nonsense;\n");
    await expect(run(own)).rejects.toMatchObject({ code: "E_MIGRATION_FAILED", message: expect.stringMatching(/^Migration 0003_bad\.sql, statement 2: /) });
    await writeFile(join(dir, "0003_bad.sql"), "CREATE TABLE IF NOT EXISTS half (a UInt8) ENGINE = Memory;\n");
    await own.command("CREATE TABLE schema_migrations_lock (owner String) ENGINE = MergeTree ORDER BY owner COMMENT 'dead 1000'");
    expect(await run(own)).toEqual(["0003_bad.sql"]);
    expect(await own.query("EXISTS TABLE schema_migrations_lock")).toEqual([{ result: 0 }]);
  });

  it("are refused once an applied file has changed", async () => {
    await writeFile(join(dir, "0002_kind.sql"), `${files["0002_kind.sql"]}-- a word more\n`);
    await expect(run(open("fresh"))).rejects.toMatchObject({ code: "E_MIGRATION_CHANGED", message: /0002_kind\.sql/ });
  });
});
