import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { readMigrations } from "../../../collector/store/migrate.ts";
import { replicated, replicatedDatabase } from "../../../collector/store/replicate.ts";
import { splitStatements } from "../../../collector/store/sql-file.ts";
import { startEngine, type TestEngine } from "../../support/engine.ts";

let engine: TestEngine;
let store: Store;

beforeAll(async () => {
  engine = await startEngine();
  store = createStoreClient({ url: engine.url, caller: "test" });
  await store.ensureDatabase();
});

afterAll(async () => {
  await store?.close();
  await engine?.stop();
});

/** As the engine's own parser writes it; it has no Keeper, so it can't run it. */
async function parsed(statement: string): Promise<string> {
  const [row] = await store.query<{ text: string }>("SELECT formatQuery({statement:String}) AS text", { statement });
  return row!.text;
}

test("every statement of the migrations is one that the engine's parser takes, and every table of them is replicated", async () => {
  const migrations = await readMigrations(new URL("../../../collector/store/migrations/", import.meta.url));
  const statements = migrations.flatMap((migration) => splitStatements(migration.text));
  let tables = 0;
  for (const statement of statements) {
    const before = await parsed(statement);
    const after = await parsed(replicated(statement));
    const engines = [...after.matchAll(/^ENGINE = (\w+)/gm)].map((match) => match[1] ?? "");
    tables += engines.length;
    for (const name of engines) expect(name).toMatch(/^Replicated(Aggregating|Replacing)?MergeTree$/);
    expect(after).not.toContain("non_replicated");
    // Nothing else is touched.
    expect(after.replaceAll("Replicated", "").replaceAll(" replicated_ded", " non_replicated_ded")).toBe(before);
  }
  expect(tables).toBeGreaterThan(15);
});

test("every .sql file is one that the engine's parser takes", async () => {
  const root = resolve(import.meta.dirname, "../../..");
  const files = ["collector", "proxy", "analytics", "alerts", "dashboards"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".sql")).map((path) => join(root, folder, path)),
  );
  expect(files.length).toBeGreaterThan(80);
  for (const file of files) for (const statement of splitStatements(readFileSync(file, "utf8"))) await parsed(statement).catch((error: Error) => expect.fail(`${file}: ${error.message}`));
});

test("the replicated database is one statement, and its name can't be more than a name", async () => {
  const text = await parsed(replicatedDatabase("signalbox").replace("{database:Identifier}", "signalbox").replace("{cluster:Identifier}", "signalbox"));
  expect(text.replace(/\s+/g, " ")).toBe("CREATE DATABASE IF NOT EXISTS signalbox ON CLUSTER signalbox ENGINE = Replicated('/clickhouse/databases/signalbox', '{shard}', '{replica}')");
  expect(() => replicatedDatabase("x', ''); DROP DATABASE y")).toThrow("no name for a replicated database");
});
