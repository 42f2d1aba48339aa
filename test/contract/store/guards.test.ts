import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineConfigSchema } from "../../../collector/engine/config.ts";
import { openEngine, type Engine } from "../../../collector/engine/engine.ts";
import { effectiveSettings, setStatement } from "../../../collector/engine/settings.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";

/** Each guard without the others; traps.test.ts has all three together. The text guard alone is in the unit tests. */
describe("against access to files,", () => {
  let dir: string;
  let engine: Engine;

  const run = async (...statements: string[]): Promise<string> => {
    const connection = await engine.connections.take();
    try {
      let text = "";
      for (const sql of statements) {
        const result = await connection.use((handle) => engine.native.QueryAsyncConnection(handle, sql, "TabSeparated"));
        text = result.bytes.toString();
      }
      return text;
    } finally {
      connection.close();
    }
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "signalbox-guards-"));
    await writeFile(join(dir, "secret.txt"), "topsecret\n");
    engine = await openEngine(engineConfigSchema.parse({ dataDir: join(dir, "store") }), silentLogger);
  });
  afterAll(async () => {
    await engine?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const denied = [
    "SELECT * FROM file('secret.txt', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/x.csv', 'CSV', 'a String')",
    "INSERT INTO FUNCTION file('x.csv', 'CSV', 'a UInt8') VALUES (1)",
    "CREATE TABLE f (a String) ENGINE = File(CSV, '/etc/hostname')",
    "CREATE TABLE f (a String) ENGINE = URL('http://127.0.0.1:1/', CSV)",
    "CREATE DATABASE f ENGINE = Filesystem('/')",
    "CREATE DICTIONARY f (a UInt64, b String) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'id' FORMAT 'CSV')) LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE USER mallory",
    "SYSTEM SHUTDOWN",
  ];
  it.each(denied)("the engine's own grants refuse: %s", async (sql) => {
    await expect(run(sql)).rejects.toThrow(/Code: 497\./);
  });

  const pinned = ["SET dialect = 'kusto'", "SET format_template_row = '/x'", "SELECT 1 SETTINGS additional_result_filter = '1'"];
  it.each(pinned)("the engine's own constraints refuse: %s", async (sql) => {
    await expect(run(sql)).rejects.toThrow(/Code: 452\./);
  });

  const written = ["CREATE TABLE w (a UInt8) ENGINE = Memory", "CREATE TEMPORARY TABLE w (a UInt8)", "SET readonly = 0", "SET max_result_rows = 0"];
  it.each(written)("readonly=1, once set, refuses: %s", async (sql) => {
    const { limits } = engine.config;
    const reader = { name: "r", password: "", access: "readonly" as const };
    const set = setStatement(effectiveSettings([["readonly", "0"]], reader, limits.readonly, false), []) ?? "";
    expect(await run(set, "SELECT 1")).toBe("1\n");
    await expect(run(set, sql)).rejects.toThrow(/Code: 164\./);
  });

  it("the parser tells statements apart as this version of the addon is known to", async () => {
    const connection = await engine.connections.take();
    const known: [sql: string, statements: number, kind: number, denied: boolean][] = [
      ["SELECT 1", 1, 0, false],
      ["SHOW TABLES", 1, 0, false],
      ["SELECT 1; SELECT 2", 2, 0, false],
      ["INSERT INTO t FORMAT CSV", 1, 1, false],
      ["INSERT INTO t VALUES", 1, 1, false],
      ["INSERT INTO t FROM INFILE '/x' FORMAT CSV", 1, 1, true],
      ["SELECT 1 INTO OUTFILE '/x'", 1, 3, true],
      ["SET max_threads = 1", 1, 3, false],
      ["CREATE USER u", 1, 2, false],
    ];
    for (const [sql, statementCount, queryClass, isDenied] of known) {
      const analysis = await connection.use((handle) => engine.guard.analyse(handle, sql));
      expect({ sql, ...analysis, denied: analysis.denied !== undefined }).toEqual({ sql, statementCount, queryClass, denied: isDenied });
    }
    await expect(connection.use((handle) => engine.guard.analyse(handle, "SELECT 1 FROM"))).rejects.toMatchObject({
      code: 62,
      message: expect.stringMatching(/failed at position 14 \(end of query\)/),
    });
    connection.close();
  });
});
