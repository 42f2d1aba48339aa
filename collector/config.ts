import { z } from "zod";
import { databaseName, engineLimitsSchema, engineUsersSchema } from "./engine/config.ts";
import { accountsSchema } from "./store/accounts.ts";
import { retentionSchema } from "./store/retention.ts";

const port = z.int().min(0).max(65535);

const identifier = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "letters, digits and underscores");
/** It stands in a literal of the statements. */
const macros = z.string().regex(/^[\w{}/.-]+$/, "letters, digits, /, -, _, . and macros in braces");

/**
 * The cluster that the tables are made on, by its name in the servers' remote_servers (with internal_replication). The paths are
 * those of the replicated tables: of the ones that are spread over the shards, and of the ones that every node has whole.
 */
const clusterSchema = z.strictObject({
  name: identifier,
  shardingKey: z.string().regex(/^[^;]+$/, "one expression over the columns of otel_traces").default("sipHash64(TraceId)"),
  replicaPath: macros.default("/clickhouse/tables/{shard}/{database}/{table}"),
  replicaName: macros.default("{replica}"),
  everywherePath: macros.default("/clickhouse/tables/everywhere/{database}/{table}"),
  everywhereName: macros.default("{shard}-{replica}"),
});

/**
 * Where ClickHouse's HTTP interface is, and as whom it is spoken to. Without `url` the embedded store on `host:port` is
 * meant, and `users` and `limits` are its own; a ClickHouse server keeps its users itself.
 */
export const storeConfigSchema = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }).optional(),
    host: z.string().default("127.0.0.1"),
    port: port.default(8123),
    username: z.string().default("default"),
    password: z.string().default(""),
    database: databaseName.default("signalbox"),
    users: engineUsersSchema,
    limits: engineLimitsSchema,
    cluster: clusterSchema.optional(),
    retention: retentionSchema,
    accounts: accountsSchema,
  })
  .refine((c) => c.cluster === undefined || c.url !== undefined, { path: ["cluster"], message: "a cluster is of servers: name one of them in store.url" })
  .transform((c) => ({
    ...c,
    external: c.url !== undefined,
    url: c.url ?? `http://${c.host}:${c.port}`,
    cluster: c.cluster && { ...c.cluster, database: c.database },
  }));

/** Where the proxies send. Without `url` our own collector on `host:port` is meant; with it, one that somebody else runs. */
export const collectorConfigSchema = z
  .strictObject({
    url: z.url().optional(),
    host: z.string().default("127.0.0.1"),
    port: port.default(4318),
    /** Largest body as sent, and after decompression. */
    maxBodyBytes: z.int().positive().default(16 * 1024 * 1024),
    maxDecompressedBytes: z.int().positive().default(64 * 1024 * 1024),
    /** Requests being decoded or inserted at once; the next one is told to come back. */
    maxInFlight: z.int().positive().default(16),
  })
  .transform((c) => ({ ...c, external: c.url !== undefined, url: c.url ?? `http://${c.host}:${c.port}` }));

export type StoreConfig = z.infer<typeof storeConfigSchema>;
export type CollectorConfig = z.infer<typeof collectorConfigSchema>;
