import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { storeConfigSchema } from "../../../collector/config.ts";
import { renderStatement, type Cluster } from "../../../collector/store/cluster.ts";
import { readMigrations } from "../../../collector/store/migrate.ts";
import { splitStatements } from "../../../collector/store/sql-file.ts";
import { startClusterEngine, type ClusterEngine } from "../../support/cluster-engine.ts";

const cluster = storeConfigSchema.parse({ url: "http://127.0.0.1:8123", cluster: { name: "main" } }).cluster as Cluster;
const migrations = await readMigrations(new URL("../../../collector/store/migrations/", import.meta.url));
const statements = migrations.flatMap(({ name, text }) => splitStatements(text).flatMap((one) => renderStatement(name, one, cluster)));

/** The same with tables that are not replicated: the engine's replicated ones can't be written to. */
const unreplicated = statements.map((one) =>
  one.replace(/ENGINE = Replicated(\w+)\('[^']+', '[^']+'(?:, )?/, "ENGINE = $1(").replace(/replicated_deduplication_window_seconds = \d+, (?=replicated)/, "non_"),
);

let engine: ClusterEngine;
beforeAll(async () => {
  engine = await startClusterEngine();
});
afterAll(() => engine?.stop());

async function inDatabase(name: string): Promise<void> {
  await engine.run(`CREATE DATABASE ${name}`);
  await engine.run(`USE ${name}`);
}

describe("a cluster's tables", () => {
  it("are what ClickHouse's parser understands, on every node", async () => {
    for (const statement of statements) {
      const text = statement.replaceAll("main", "nodes").replace(/[\\']/g, "\\$&");
      const [row] = await engine.run<{ sql: string }>(`SELECT formatQuerySingleLine('${text}') AS sql`);
      if (!row?.sql.startsWith("INSERT INTO")) expect(row?.sql).toContain("ON CLUSTER nodes");
    }
  });

  it("are replicated, and what grows with the calls is read from all shards", async () => {
    await inDatabase("replicated");
    for (const statement of statements.filter((one) => one.startsWith("CREATE TABLE"))) await engine.run(statement.replace("main, signalbox", "main, replicated"));
    const rows = await engine.run<{ name: string; engine: string }>("SELECT name, engine FROM system.tables WHERE database = 'replicated'");
    const engines = new Map(rows.map((row) => [row.name, row.engine]));
    expect(rows.filter((row) => !/^Replicated\w+MergeTree$|^ReplicatedMergeTree$|^Distributed$/.test(row.engine))).toEqual([]);
    expect([engines.get("calls"), engines.get("calls_local"), engines.get("findings")]).toEqual(["Distributed", "ReplicatedMergeTree", "ReplicatedReplacingMergeTree"]);
    const paths = await engine.run<{ table: string; zookeeper_path: string; replica_name: string }>(
      "SELECT table, zookeeper_path, replica_name FROM system.replicas WHERE table IN ('calls_local', 'findings') ORDER BY table",
    );
    expect(paths.map((row) => [row.zookeeper_path, row.replica_name])).toEqual([
      ["/clickhouse/tables/01/replicated/calls_local", "a"],
      ["/clickhouse/tables/everywhere/replicated/findings", "01-a"],
    ]);
  });

  it("are made by the same files, twice without harm, and get the columns of later files", async () => {
    await inDatabase("signalbox");
    for (const statement of [...unreplicated, ...unreplicated]) await engine.run(statement);
    const columns = await engine.run<{ n: string }>("SELECT name AS n FROM system.columns WHERE database = 'signalbox' AND table = 'calls' AND name IN ('attempts', 'stored_at')");
    expect(columns).toHaveLength(2);
  });

  it("hold a batch once that was sent twice, in what is derived from it too", async () => {
    const attributes = (seq: number): string =>
      `map('signalbox.audit.producer', 'px-1', 'signalbox.audit.seq', '${seq}', 'signalbox.server', 's', 'gen_ai.tool.name', 't', 'mcp.method.name', 'tools/call', 'signalbox.time.forwarded_us', '1', 'signalbox.time.answered_us', '5')`;
    const rows = Array.from({ length: 20 }, (_, i) => `('2026-11-02 03:04:05', '${i}', 'Server', ${attributes(i + 1)})`).join(", ");
    const send = (token: string): Promise<unknown> =>
      engine.run(
        `INSERT INTO otel_traces (Timestamp, TraceId, SpanKind, SpanAttributes) SETTINGS async_insert = 0, distributed_foreground_insert = 1, insert_deduplicate = 1, insert_deduplication_token = '${token}', deduplicate_blocks_in_dependent_materialized_views = 1, optimize_on_insert = 0 VALUES ${rows}`,
      );
    await send("batch-1");
    await send("batch-1");
    const count = async (sql: string): Promise<number> => Number((await engine.run<{ n: string }>(sql))[0]?.n);
    expect(await count("SELECT count() AS n FROM otel_traces")).toBe(20);
    expect(await count("SELECT count() AS n FROM calls")).toBe(20);
    expect(await count("SELECT sum(calls) AS n FROM calls_1m")).toBe(20);
    expect(await count("SELECT sum(calls) AS n FROM latency_1m")).toBe(20);
    expect(await count("SELECT count() AS n FROM calls_from_spans")).toBe(20);
    await send("batch-2");
    expect(await count("SELECT count() AS n FROM calls")).toBe(40);
  });

  it("hold a batch of payloads once, and read it back from all shards", async () => {
    const rows = Array.from({ length: 20 }, (_, i) => `('px-1', ${i + 1}, 'result', '2026-11-02 03:04:05', 'said ${i}')`).join(", ");
    const settings = "SETTINGS async_insert = 0, distributed_foreground_insert = 1, insert_deduplication_token = 'payloads.1-1-px-1.ndjson'";
    for (let i = 0; i < 2; i++) await engine.run(`INSERT INTO payloads (producer, seq, kind, ts, body) ${settings} VALUES ${rows}`);
    expect(await engine.run("SELECT toUInt32(count()) AS n FROM payloads_local")).toEqual([{ n: 20 }]);
    expect(await engine.run("SELECT body FROM payloads FINAL WHERE producer = 'px-1' AND seq = 7")).toEqual([{ body: "said 6" }]);
  });
});
