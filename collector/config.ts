import { z } from "zod";
import { databaseName, engineLimitsSchema, engineUsersSchema } from "./engine/config.ts";

const port = z.int().min(0).max(65535);

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
    /** A cluster in the server's configuration: `signalbox migrate` then makes tables that Keeper replicates. */
    cluster: databaseName.optional(),
    users: engineUsersSchema,
    limits: engineLimitsSchema,
  })
  .transform((c) => ({ ...c, external: c.url !== undefined, url: c.url ?? `http://${c.host}:${c.port}` }));

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
