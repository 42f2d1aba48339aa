import { z } from "zod";

export const ROLES = ["writer", "backend", "analyst", "payload_reader", "admin"] as const;
export type Role = (typeof ROLES)[number];

const account = (name: string) =>
  z
    .strictObject({
      user: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "letters, digits and underscores").default(name),
      /** Where the hash of the password is: SHA-256 in hexadecimal, or bcrypt. The password itself is nowhere. */
      hashFile: z.string().min(1).optional(),
      hashEnv: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "the name of an environment variable").optional(),
    })
    .refine((a) => a.hashFile === undefined || a.hashEnv === undefined, "one of hashFile and hashEnv")
    .prefault({});

const count = (value: number) => z.int().positive().default(value);

/** The users of a ClickHouse server. One without a hash is not made; its role is. */
export const accountsSchema = z
  .strictObject({
    writer: account("signalbox_writer"),
    backend: account("signalbox_backend"),
    analyst: account("signalbox_analyst"),
    payload_reader: account("signalbox_payload_reader"),
    admin: account("signalbox_admin"),
    /** What an analyst may use in an hour, and at once. What one query may is store.limits.readonly, as in the embedded store. */
    analystQuota: z
      .strictObject({
        queriesPerHour: count(2000),
        readRowsPerHour: count(100_000_000_000),
        executionSecondsPerHour: count(3600),
        concurrentQueries: count(4),
        userMemoryBytes: count(2_000_000_000),
      })
      .prefault({}),
  })
  .prefault({});

export type Accounts = z.output<typeof accountsSchema>;
