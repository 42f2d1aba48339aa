import { z } from "zod";

/** libuv threads that an engine process needs: a query holds one from start to end, and files and DNS need some besides. */
export const ENGINE_THREADPOOL_SIZE = 32;

const user = z
  .object({
    name: z.string().min(1),
    password: z.string().default(""),
    /** `readonly` may only read, within `limits`; `full` may do whatever the engine's own grants leave. */
    access: z.enum(["full", "readonly"]),
  })
  .strict();

/** What one read-only query may cost. Each becomes the ClickHouse setting of the same name. */
const readonlyLimits = z
  .object({
    maxExecutionTimeS: z.number().positive().default(30),
    maxMemoryBytes: z.number().int().positive().default(1_000_000_000),
    maxResultRows: z.number().int().positive().default(1_000_000),
    maxResultBytes: z.number().int().positive().default(256 * 1024 * 1024),
    maxRowsToRead: z.number().int().positive().default(2_000_000_000),
  })
  .strict();

export const databaseName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "letters, digits and underscores");

export const engineUsersSchema = z.array(user).default([
  { name: "default", password: "", access: "full" },
  { name: "readonly", password: "", access: "readonly" },
]);

/** The defaults suit a machine with 4 GB: 2 GB for the engine, 1 GB for a query, and the rest for the proxy. */
export const engineLimitsSchema = z
  .object({
    maxServerMemoryBytes: z.number().int().positive().default(2_000_000_000),
    maxMemoryBytes: z.number().int().positive().default(1_000_000_000),
    markCacheBytes: z.number().int().positive().default(128 * 1024 * 1024),
    /** Queries at work at once; further ones wait in a queue of `maxQueuedQueries`, then get error 202. */
    maxConcurrentQueries: z.number().int().positive().max(ENGINE_THREADPOOL_SIZE - 8).default(8),
    maxQueuedQueries: z.number().int().min(0).default(64),
    queueTimeoutMs: z.number().int().positive().default(10_000),
    maxQueryBytes: z.number().int().positive().default(256 * 1024),
    maxInsertBytes: z.number().int().positive().default(512 * 1024 * 1024),
    /** Only for results that cannot be streamed (SHOW, DESCRIBE, EXPLAIN) and for wait_end_of_query=1. */
    maxBufferedBytes: z.number().int().positive().default(64 * 1024 * 1024),
    maxSessions: z.number().int().positive().default(64),
    readonly: readonlyLimits.prefault({}),
  })
  .strict()
  .prefault({});

export const engineConfigSchema = z
  .object({
    dataDir: z.string().min(1),
    host: z.string().default("127.0.0.1"),
    /** 0 takes any free port. */
    port: z.number().int().min(0).max(65535).default(8123),
    database: databaseName.default("signalbox"),
    users: engineUsersSchema,
    limits: engineLimitsSchema,
  })
  .strict();

export type EngineOptions = z.input<typeof engineConfigSchema>;
export type EngineConfig = z.output<typeof engineConfigSchema>;
export type EngineLimits = EngineConfig["limits"];
export type ReadonlyLimits = EngineLimits["readonly"];
export type EngineUser = EngineConfig["users"][number];
