import { describe, expect, it } from "vitest";
import { storeConfigSchema } from "../../../collector/config.ts";
import { renderStatement, type Cluster } from "../../../collector/store/cluster.ts";
import { readMigrations } from "../../../collector/store/migrate.ts";
import { splitStatements } from "../../../collector/store/sql-file.ts";

const MIGRATIONS = new URL("../../../collector/store/migrations/", import.meta.url);
const parsed = storeConfigSchema.parse({ url: "http://127.0.0.1:8123", cluster: { name: "main" } });
const cluster = parsed.cluster as Cluster;

const migrations = await readMigrations(MIGRATIONS);

/** The lines that a cluster has otherwise, and whole statements that one server does not have. */
function changes(name: string, statement: string): string[] {
  const source = new Set(statement.split("\n"));
  return renderStatement(name, statement, cluster).flatMap((one) => one.split("\n").filter((line) => !source.has(line)));
}

describe("migrations from one source", () => {
  it("are the files' own statements on one server", () => {
    for (const { name, text } of migrations) {
      for (const statement of splitStatements(text)) expect(renderStatement(name, statement, null)).toEqual([statement]);
    }
  });

  it.each(migrations.map(({ name, text }) => [name, text] as const))("%s has these lines on a cluster", async (name, text) => {
    const lines = splitStatements(text).flatMap((statement) => [...changes(name, statement), ""]);
    await expect(`${lines.join("\n").trimEnd()}\n`).toMatchFileSnapshot(`../../golden/store/cluster/${name}`);
  });

  it("keep what an engine was given, read their own shard in views, and know no other form", () => {
    const of = (sql: string): string[] => renderStatement("x.sql", sql, cluster);
    expect(of("CREATE TABLE IF NOT EXISTS findings (a UInt8) ENGINE = ReplacingMergeTree(a) ORDER BY a")).toEqual([
      "CREATE TABLE IF NOT EXISTS findings ON CLUSTER main (a UInt8) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}', a) ORDER BY a",
    ]);
    expect(of("CREATE MATERIALIZED VIEW IF NOT EXISTS v TO calls AS SELECT 'FROM calls' AS calls FROM calls AS c")).toEqual([
      "CREATE MATERIALIZED VIEW IF NOT EXISTS v ON CLUSTER main TO calls_local AS SELECT 'FROM calls' AS calls FROM calls_local AS c",
    ]);
    expect(of("ALTER TABLE calls ADD COLUMN IF NOT EXISTS a UInt8")).toEqual([
      "ALTER TABLE calls_local ON CLUSTER main ADD COLUMN IF NOT EXISTS a UInt8",
      "CREATE OR REPLACE TABLE calls ON CLUSTER main AS calls_local ENGINE = Distributed(main, signalbox, calls_local)",
    ]);
    for (const sql of ["RENAME TABLE a TO b", "CREATE TABLE a (x UInt8) ENGINE = MergeTree ORDER BY x", "CREATE TABLE IF NOT EXISTS a (x UInt8) ENGINE = Memory"]) {
      expect(() => of(sql)).toThrow(expect.objectContaining({ code: "E_MIGRATION_FORM" }));
    }
  });

  it("need a server for a cluster, and names that are names", () => {
    const error = (store: object): unknown => storeConfigSchema.safeParse(store).error?.issues[0]?.path;
    expect(error({ cluster: { name: "main" } })).toEqual(["cluster"]);
    expect(error({ url: "http://a:8123", cluster: { name: "a b" } })).toEqual(["cluster", "name"]);
    expect(error({ url: "http://a:8123", cluster: { name: "a", replicaPath: "/x'" } })).toEqual(["cluster", "replicaPath"]);
  });
});
