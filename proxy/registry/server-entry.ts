import { z } from "zod";
import { effects, riskTiers } from "../../collector/record/call-record.ts";

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "lower-case letters, digits and hyphens, at most 63");

/** Where the upstream is: a URL, or a program that is started without a shell and spoken to over its pipes. */
export const endpointSchema = z.discriminatedUnion("transport", [
  z.strictObject({
    transport: z.literal("streamable-http"),
    url: z.url({ protocol: /^https?$/ }),
    /** Headers sent upstream; a value may be `${env:NAME}` so that no secret stands in the file. */
    headers: z.record(z.string(), z.string()).default({}),
    timeoutMs: z.int().positive().default(60_000),
  }),
  z.strictObject({
    transport: z.literal("stdio"),
    /** A program, or `node:<package>` for the command of an npm package that is installed beside Signalbox. */
    command: z.string().min(1),
    args: z.array(z.string()).default([]),
    /** Only these are set for the child, beside PATH and HOME; a value may be `${env:NAME}` or hold `${dataDir}`. */
    env: z.record(z.string(), z.string()).default({}),
    timeoutMs: z.int().positive().default(60_000),
    /** Sessions of old-era clients each get a process of their own, at most this many. */
    maxProcesses: z.int().positive().default(16),
  }),
]);

export const toolEntrySchema = z.strictObject({
  effect: z.enum(effects).default("write"),
  /** False where a third party can write into what the tool returns. */
  trusted: z.boolean().default(false),
});

export const lifecycles = ["proposed", "approved", "deprecated", "retired"] as const;

/** One file of the registry: one upstream MCP server. */
export const serverEntrySchema = z.strictObject({
  name,
  version: z.string().min(1).default("0"),
  description: z.string().default(""),
  owner: z.string().min(1).optional(),
  contact: z.string().min(1).optional(),
  riskTier: z.enum(riskTiers).optional(),
  dataDomains: z.array(z.string()).default([]),
  lifecycle: z.enum(lifecycles).default("proposed"),
  environments: z.array(z.string()).default(["development"]),
  /** Kinds of task the server is approved for; empty means any. */
  taskClasses: z.array(z.string()).default([]),
  /** observe: decisions are recorded and not enforced. */
  mode: z.enum(["enforce", "observe"]).default("enforce"),
  endpoint: endpointSchema,
  tools: z.record(z.string(), toolEntrySchema).default({}),
});

export type ServerEntry = Readonly<z.infer<typeof serverEntrySchema>>;
export type Endpoint = ServerEntry["endpoint"];

/** The registry as loaded: immutable, replaced whole when the files change. `revision` is a digest of the files. */
export interface RegistrySnapshot {
  readonly revision: string;
  readonly servers: ReadonlyMap<string, ServerEntry>;
}
