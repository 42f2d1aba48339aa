import { z } from "zod";
import { effects, riskTiers } from "../../collector/record/call-record.ts";
import { oauthCredentialSchema, secretPlace } from "./oauth-credential.ts";
import type { People } from "./people.ts";

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
    /** HTTP+SSE of the revision 2024-11-05; `url` is the stream's. */
    transport: z.literal("sse"),
    url: z.url({ protocol: /^https?$/ }),
    headers: z.record(z.string(), z.string()).default({}),
    timeoutMs: z.int().positive().default(60_000),
    /** Each session of a client has a stream of its own, at most this many. */
    maxSessions: z.int().positive().default(64),
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
    /** Clients of the newest revision share a process with others of their principal alone, instead of with everybody. */
    perPrincipal: z.boolean().default(false),
    /** A process that holds more, with all that it started, is ended (Linux). */
    maxMemoryBytes: z.int().positive().optional(),
  }),
]);

export const toolEntrySchema = z.strictObject({
  effect: z.enum(effects).default("write"),
  /** False where a third party can write into what the tool returns. */
  trusted: z.boolean().default(false),
  /** The definition that was approved, as `signalbox registry pin` writes it; absent, the first one seen counts. */
  pin: z.string().regex(/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hex digits").optional(),
});

/** The credential that the proxy itself uses upstream, by name and by where it is: never its value. */
export const credentialSchema = z
  .strictObject({
    name: z.string().min(1),
    rotatedAt: z.iso.date().optional(),
    rotateEveryDays: z.int().positive().optional(),
    /** Sent as a bearer token. Without this and `oauth`, the endpoint's own headers or variables hold the credential. */
    secret: secretPlace.optional(),
    /** A token that an authorization server issues to the proxy, for this endpoint alone. */
    oauth: oauthCredentialSchema.optional(),
  })
  .refine(({ secret, oauth }) => secret === undefined || oauth === undefined, "either a secret or oauth, not both");

/** What is done to a response that is not what it should be, from doing nothing to keeping all of it. */
export const responseActions = ["pass", "annotate", "redact", "quarantine", "block"] as const;
export type ResponseAction = (typeof responseActions)[number];

/** How responses are handled. What is absent follows from the server's tier and the tool's trust (proxy/handling/defaults.ts). */
export const handlingSchema = z.strictObject({
  /** Text of a result in bytes, beyond which it is refused. */
  maxTextBytes: z.int().positive().optional(),
  /** MIME types of image, audio and resource content that may pass; `*` stands for any characters. */
  contentTypes: z.array(z.string().min(1)).optional(),
  /** A result that does not fit the tool's outputSchema. */
  schemaMismatch: z.enum(responseActions).optional(),
  /** Secrets and personal data. */
  secrets: z.enum(responseActions).optional(),
  personalData: z.enum(responseActions).optional(),
  /** Text that reads as instructions to the agent. */
  instructions: z.enum(responseActions).optional(),
  /** Hidden characters, and links whose text names another place than they lead to. */
  hidden: z.enum(responseActions).optional(),
});

/** What is kept of what calls say, beside their records: nothing, unless the entry says so (collector/payload). */
export const payloadsSchema = z.strictObject({
  record: z.enum(["arguments", "results", "both"]),
  /** Of each; of a longer one the beginning is kept. */
  maxBytes: z.int().positive().max(1024 * 1024).default(64 * 1024),
});

/** What happens when a tool's definition is not the one that is pinned. */
export const changeActions = ["pass", "hold", "block"] as const;

/** Another version of the server, running beside the first. */
export const rolloutSchema = z.strictObject({
  version: z.string().min(1),
  endpoint: endpointSchema,
  /** Of 100 calls, how many go to this version; the rest go to the entry's own. */
  weight: z.int().min(0).max(100).default(0),
  /** Agents that always get this version; globs. */
  agents: z.array(z.string().min(1)).default([]),
  lifecycle: z.enum(["approved", "retired"]).default("approved"),
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
  /** For `deprecated`: the day after which it is refused, and what takes its place. */
  sunset: z.iso.date().optional(),
  replacedBy: name.optional(),
  credential: credentialSchema.optional(),
  handling: handlingSchema.prefault({}),
  payloads: payloadsSchema.optional(),
  /** Absent: by risk tier (proxy/registry/pins). */
  definitions: z.strictObject({ compatible: z.enum(changeActions).optional(), breaking: z.enum(changeActions).optional() }).prefault({}),
  /** Other versions that run beside this one. */
  rollout: z.array(rolloutSchema).default([]),
  /** The server.json that the entry was imported from, as it was. */
  serverJson: z.record(z.string(), z.unknown()).optional(),
});

export type ServerEntry = Readonly<z.infer<typeof serverEntrySchema>>;
export type Endpoint = ServerEntry["endpoint"];

/** The registry as loaded: immutable, replaced whole when the files change. `revision` is a digest of what the files mean. */
export interface RegistrySnapshot {
  readonly revision: string;
  readonly servers: ReadonlyMap<string, ServerEntry>;
  /** Whom owners resolve to; absent where there is no people.yaml, and owners are free text. */
  readonly people?: People | undefined;
  /** When each server's file was written, in Unix milliseconds, by name. */
  readonly modifiedMs?: ReadonlyMap<string, number> | undefined;
}
