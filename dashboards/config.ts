import { z } from "zod";
import { SignalboxError } from "../collector/kernel/errors.ts";

/** An IANA zone that this machine knows: reports must say in whose night they were made. */
const timeZone = z.string().refine((zone) => {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}, "not an IANA time zone, such as Europe/Berlin or UTC");

const cron = z.string().regex(/^(\S+\s+){4}\S+$/, "five fields: minute, hour, day of month, month, day of week");

export const dashboardsConfigSchema = z.strictObject({
  host: z.string().default("127.0.0.1"),
  port: z.int().min(0).max(65535).default(7080),
  /** Host headers besides loopback names that are accepted, and the Origins that may post. */
  allowedHosts: z.array(z.string()).default([]),
  /** The store's user that may only read; the embedded store has one of this name. A password of `${env:NAME}` is that variable's value. */
  reader: z.strictObject({ username: z.string().default("readonly"), password: z.string().default("") }).prefault({}),
  reports: z
    .strictObject({
      schedule: cron.default("0 7 * * 1"),
      timeZone: timeZone.default("UTC"),
      /** Days that a scheduled report covers, up to the midnight before it is made. */
      days: z.int().min(1).max(366).default(7),
      enabled: z.boolean().default(true),
    })
    .prefault({}),
  /** What one query of the SQL box may cost. The store's own limits for readers stand behind these. */
  sql: z
    .strictObject({
      maxSeconds: z.int().min(1).max(300).default(20),
      maxRows: z.int().min(1).max(100_000).default(1_000),
      maxBytes: z.int().min(1_000).default(8_000_000),
      maxRowsToRead: z.int().min(1).default(200_000_000),
      maxMemoryBytes: z.int().min(1_000_000).default(800_000_000),
      maxConcurrent: z.int().min(1).max(32).default(3),
    })
    .prefault({}),
});

/** The reader's password, where it stands in the environment. Throws E_DASHBOARDS_READER where that holds nothing. */
export function readerCredentials(reader: DashboardsConfig["reader"], env: Readonly<Record<string, string | undefined>>): { username: string; password: string } {
  const { username, password } = reader;
  const name = /^\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(password)?.[1];
  if (name === undefined) return { username, password };
  const value = env[name];
  if (value) return { username, password: value };
  throw new SignalboxError("E_DASHBOARDS_READER", `dashboards.reader.password is \${env:${name}}, and ${name} is not set`, { remedy: `set ${name} for this process` });
}

export type DashboardsConfig = z.infer<typeof dashboardsConfigSchema>;
export type SqlLimits = DashboardsConfig["sql"];
