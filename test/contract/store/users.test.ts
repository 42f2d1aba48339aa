import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { storeConfigSchema } from "../../../collector/config.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { migrate, readMigrations } from "../../../collector/store/migrate.ts";
import { parseHash, tablesOf, usersStatements } from "../../../collector/store/users.ts";
import { splitStatements } from "../../../collector/store/sql-file.ts";
import { startClusterEngine } from "../../support/cluster-engine.ts";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { signalbox } from "../../support/run-command.ts";

const MIGRATIONS = new URL("../../../collector/store/migrations/", import.meta.url);
const HASH = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
const tables = tablesOf(await readMigrations(MIGRATIONS));
let engine: TestEngine;
let store: Store;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "signalbox-users-"));
  engine = await startEngine();
  store = createStoreClient({ url: engine.url, caller: "test" });
  await migrate({ store, folder: MIGRATIONS, logger: silentLogger });
});
afterAll(async () => {
  await store?.close();
  await engine?.stop();
  await rm(dir, { recursive: true, force: true });
});

it("roles are given tables that there are", async () => {
  const rows = await store.query<{ name: string }>("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine != 'MaterializedView' ORDER BY name");
  expect(rows.map((row) => row.name)).toEqual(tables);
});

it.each([undefined, { name: "nodes" }])("every statement is what ClickHouse's parser understands (cluster: %j)", async (cluster) => {
  const config = storeConfigSchema.parse({ url: "http://127.0.0.1:8123", cluster });
  const hash = parseHash(HASH, "x");
  const hashes = { writer: hash, backend: hash, analyst: hash, payload_reader: hash, admin: hash };
  const statements = usersStatements({ ...config, cluster: config.cluster ?? null, hashes, tables });
  for (const sql of statements) {
    const [row] = await store.query<{ text: string }>("SELECT formatQuerySingleLine({sql:String}) AS text", { sql });
    expect(row?.text.includes("ON CLUSTER nodes")).toBe(cluster !== undefined);
  }
});

it("what an analyst is granted is enough to read everything and nothing else, within limits", async () => {
  const root = await mkdtemp(join(dir, "analyst-"));
  const config = storeConfigSchema.parse({});
  const statements = usersStatements({ ...config, cluster: null, hashes: {}, tables });
  const grants = statements.flatMap((one) => /^(GRANT .*) TO signalbox_analyst$/s.exec(one)?.[1] ?? []);
  const owner = await startClusterEngine({ root });
  await owner.run("CREATE DATABASE signalbox");
  await owner.run("USE signalbox");
  await owner.run("CREATE TABLE schema_migrations (version UInt32) ENGINE = MergeTree ORDER BY version");
  for (const { text } of await readMigrations(MIGRATIONS)) for (const one of splitStatements(text)) await owner.run(one);
  await owner.stop();

  const analyst = await startClusterEngine({ root, grants, profile: profileXml(statements.find((one) => one.startsWith("ALTER SETTINGS PROFILE signalbox_analyst")) ?? "") });
  try {
    const asked = (table: string): string => {
      if (table === "calls_between" || table === "latency_between") return `${table}(from_ms = 0, to_ms = 1, step_s = 60)`;
      if (table === "incident_hours") return `${table}(as_of_ms = 1, from_ms = 0, to_ms = 1)`;
      if (table === "blast_radius") return `${table}(call_id = 'none')`;
      if (table === "blast_radius_from") return `${table}(call_id = 'none', server = '', version = '', agent = '', credential = '', since = '', until = '', depth = 1)`;
      if (table === "blast_radius_of_time") return `${table}(since = '2026-01-01', until = '2026-01-02')`;
      if (table.startsWith("blast_radius_of_")) return `${table}(${table.slice("blast_radius_of_".length)} = 'none', since = '', until = '')`;
      return table;
    };
    // A view with parameters that reads another such view finds it in the session's database alone.
    await analyst.run("USE signalbox");
    for (const table of tables.filter((one) => one !== "payloads")) await expect(analyst.run(`SELECT * FROM signalbox.${asked(table)} LIMIT 1`)).resolves.toEqual([]);
    await expect(analyst.run("SELECT 1 SETTINGS max_memory_usage = 500000000")).resolves.toHaveLength(1);
    await expect(analyst.run("SELECT 1 SETTINGS max_memory_usage = 2000000000")).rejects.toThrow(/max_memory_usage/);
    await expect(analyst.run("SELECT 1 SETTINGS max_execution_time = 0")).rejects.toThrow(/max_execution_time/);
    await expect(analyst.run("SELECT * FROM signalbox.payloads")).rejects.toThrow(/Not enough privileges/);
    await expect(analyst.run("INSERT INTO signalbox.findings (finding_id) VALUES ('x')")).rejects.toThrow(/readonly|Not enough privileges/);
    await expect(analyst.run("DROP TABLE signalbox.calls")).rejects.toThrow(/readonly|Not enough privileges|DDL/);
    await expect(analyst.run("SET readonly = 0")).rejects.toThrow(/readonly/);
    await expect(analyst.run("SELECT count() FROM numbers(3000000000) WHERE NOT ignore(number)")).rejects.toThrow(/Limit for rows/);
  } finally {
    await analyst.stop();
  }
});

it("payloads are read by their own role, and by none of the others, nor by the reader that comes with the deployment", async () => {
  const deployed = readFileSync(new URL("../../../collector/deploy/shared/users.xml", import.meta.url), "utf8");
  const reader = [...(/<reader>(.*?)<\/reader>/s.exec(deployed)?.[1] ?? "").matchAll(/<query>(.*?)<\/query>/g)].map((found) => found[1] ?? "");
  const root = await mkdtemp(join(dir, "payloads-"));
  const statements = usersStatements({ ...storeConfigSchema.parse({}), cluster: null, hashes: {}, tables });
  const grants = (role: string): string[] => statements.flatMap((one) => new RegExp(`^(GRANT .*) TO ${role}$`, "s").exec(one)?.[1] ?? []);
  const owner = await startClusterEngine({ root });
  await owner.run("CREATE DATABASE signalbox");
  await owner.run("CREATE TABLE signalbox.payloads (body String) ENGINE = MergeTree ORDER BY body");
  await owner.run("INSERT INTO signalbox.payloads VALUES ('said')");
  await owner.stop();
  const everybody: [name: string, grants: string[], may: boolean][] = [
    ...["signalbox_analyst", "signalbox_writer", "signalbox_backend"].map((role): [string, string[], boolean] => [role, grants(role), false]),
    ["the deployment's reader", reader, false],
    ["a payload reader", ["signalbox_analyst", "signalbox_payload_reader"].flatMap(grants), true],
  ];
  for (const [name, granted, may] of everybody) {
    expect(granted, name).not.toEqual([]);
    const someone = await startClusterEngine({ root, grants: granted });
    try {
      for (const sql of ["SELECT body FROM signalbox.payloads", "SELECT body FROM merge('signalbox', '^payloads$')"]) {
        if (may) await expect(someone.run(sql), `${name}: ${sql}`).resolves.toEqual([{ body: "said" }]);
        // ACCESS_DENIED; merge() finds no table that it may see, where that is all.
        else await expect(someone.run(sql), `${name}: ${sql}`).rejects.toThrow(/Code: (497|636)\./);
      }
    } finally {
      await someone.stop();
    }
  }
});

/** A profile's statement as a server's file has it: the engine makes no profiles by SQL. */
function profileXml(statement: string): string {
  const lines = [...statement.matchAll(/(\w+) = '?(\w+)'?( CONST)?(?: MIN (\d+))?(?: MAX (\d+))?/g)];
  const settings = lines.map(([, name, value]) => `<${name}>${value}</${name}>`);
  const constraints = lines.map(([, name, , constant, min, max]) => `<${name}>${constant ? "<const/>" : ""}${min ? `<min>${min}</min>` : ""}${max ? `<max>${max}</max>` : ""}</${name}>`);
  return `${settings.join("")}<constraints>${constraints.filter((one) => /<const|<min/.test(one)).join("")}</constraints>`;
}

it("the command prints them without a hash, and says that the embedded store keeps none", async () => {
  const configFile = join(dir, "signalbox.yaml");
  await writeFile(configFile, JSON.stringify({ store: { accounts: { analyst: { hashEnv: "ANALYST_HASH" } } } }));
  const run = (...args: string[]) => signalbox(["--config", configFile, "store", "users", ...args], { env: { ANALYST_HASH: HASH } });
  const printed = await run("--json");
  expect(JSON.parse(printed.stdout)).toMatchObject({ applied: false, users: ["analyst"] });
  expect(printed.stdout).toContain("CREATE USER IF NOT EXISTS signalbox_analyst IDENTIFIED WITH sha256_hash BY '<hidden>'");
  const applied = await run("--apply");
  expect(applied.code).toBe(1);
  expect(applied.stderr).toContain("the embedded store keeps no users by SQL");
  await writeFile(configFile, JSON.stringify({ store: { url: engine.url, accounts: { analyst: { hashEnv: "ANALYST_HASH" } } } }));
  const refused = await run("--apply");
  expect(refused.stderr).toMatch(/statement 1 of \d+ was refused/);
  expect(printed.stdout + printed.stderr + applied.stderr + refused.stderr + refused.stdout).not.toContain(HASH);
});
