import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadNative } from "../../collector/engine/native.ts";

/**
 * chDB as one node of a cluster of one shard: Distributed tables whose one shard is this process, and Replicated tables over
 * ClickHouse's Keeper for tests, which is memory of this process. Those can be created, and stay read-only, because the port
 * that replicas copy through belongs to a server's start. It has no queue for ON CLUSTER and no users by SQL either.
 */
const root = process.argv[2] ?? "";
/** What the engine's one user may, and its profile, as XML; all and nothing by default. */
const { grants = [], profile = "<distributed_product_mode>global</distributed_product_mode>" } = JSON.parse(process.argv[3] ?? "{}") as { grants?: string[]; profile?: string };
mkdirSync(root, { recursive: true });
const users = join(root, "users.xml");
const server = join(root, "server.xml");
writeFileSync(
  users,
  `<clickhouse><profiles><default>${profile}</default></profiles><quotas><default/></quotas>
  <users><default><password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
  ${grants.length === 0 ? "" : `<grants>${grants.map((grant) => `<query>${grant}</query>`).join("")}</grants>`}</default></users></clickhouse>`,
);
writeFileSync(
  server,
  `<clickhouse><users_config>${users}</users_config><tcp_port>9000</tcp_port><zookeeper><implementation>testkeeper</implementation></zookeeper>
  <macros><shard>01</shard><replica>a</replica></macros>
  <remote_servers><main><shard><internal_replication>true</internal_replication><replica><host>127.0.0.1</host><port>9000</port></replica></shard></main></remote_servers>
</clickhouse>`,
);
const native = loadNative();
const handle = native.CreateConnection(join(root, "data"), [`--config-file=${server}`]);

process.on("message", ({ id, sql }: { id: number; sql: string }) => {
  native.QueryAsyncConnection(handle, sql, "JSONEachRow").then(
    (result) => process.send?.({ id, text: result.bytes.toString("utf8") }),
    (error: unknown) => process.send?.({ id, error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.send?.({ id: 0, text: "" });
