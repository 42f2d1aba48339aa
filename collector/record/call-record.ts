import { z } from "zod";

/**
 * One message that reached the proxy, judged and answered: the contract between the proxy that writes it, the spool that
 * keeps it, the spans that carry it and every table that is derived from it.
 *
 * Units: `...Us` are microseconds; `receivedUs` is Unix time, the other `...AfterUs` count from it on the monotonic
 * clock (null: that step was not reached). `proxyUs` is the time the proxy itself worked or queued, without the upstream.
 * Digests are keyed (SHA-256 behind a key, cut to 32 hex digits): equal values have equal digests within one installation,
 * and nothing can be read back but that there was no value (`nullDigest`). No payload is ever part of a record. Empty string means "not applicable".
 */
export const decisions = ["allow", "deny", "hold"] as const;
export const bases = ["explicit", "default", "exception"] as const;
export const modes = ["enforce", "observe"] as const;
export const outcomes = [
  "ok",
  "tool_error",
  "rpc_error",
  "transport_error",
  "timeout",
  "cancelled",
  "denied",
  "held",
  "quarantined",
  "interrupted",
  /** Let through while nothing could be recorded: `attempts` of them, and nothing else is known of how they ended. */
  "unrecorded",
] as const;
export const riskTiers = ["low", "medium", "high"] as const;
export const effects = ["read", "write", "destructive"] as const;
export const handlings = ["pass", "annotate", "redact", "quarantine", "block"] as const;

/**
 * The digest of an argument that is null, in every installation: nothing is given, which needs no key to hide it, and
 * whoever looks for values that are new must not take it for one.
 */
export const nullDigest = "0".repeat(32);

const afterUs = z.int().nonnegative().nullable();

/** One leaf of a call's arguments. `path` is a JSON Pointer whose array indices are replaced by `*`, so that one entry of
 * a list is comparable with the next. `flowFromSeq` is the record whose result the value was first seen in, if any;
 * `flowScore` (0 to 1) says how instruction-shaped the text around it was there. */
export const argumentLeafSchema = z.object({
  path: z.string().max(512),
  digest: z.string(),
  flowFromSeq: z.int().nullable(),
  flowScore: z.number().min(0).max(1),
});

export const callRecordSchema = z.object({
  // audit: filled in by the spool, in this order, one chain per producer
  producer: z.string(),
  seq: z.int().positive(),
  prevHash: z.string(),
  hash: z.string(),

  // times
  receivedUs: z.int(),
  decidedAfterUs: afterUs,
  forwardedAfterUs: afterUs,
  answeredAfterUs: afterUs,
  completedAfterUs: z.int().nonnegative(),
  proxyUs: z.int().nonnegative(),

  // who
  agent: z.string(),
  principal: z.string(),
  delegation: z.array(z.string()),
  credentialId: z.string(),
  clientName: z.string(),
  clientVersion: z.string(),
  clientAddress: z.string(),

  // what
  protocolVersion: z.string(),
  transport: z.enum(["tcp", "pipe"]),
  method: z.string(),
  rpcId: z.string(),
  tool: z.string(),
  prompt: z.string(),
  resourceUri: z.string(),
  sessionId: z.string(),
  taskId: z.string(),
  taskClass: z.string(),
  traceId: z.string().length(32),
  spanId: z.string().length(16),
  parentSpanId: z.string(),
  /** The span id of the one upstream attempt, empty when nothing was forwarded. */
  upstreamSpanId: z.string(),
  /** host:port or the command's name; never credentials. */
  upstreamAddress: z.string(),

  // where to, as the registry stood at that moment
  server: z.string(),
  serverVersion: z.string(),
  registryRevision: z.string(),
  owner: z.string(),
  riskTier: z.enum(riskTiers).or(z.literal("")),
  dataDomains: z.array(z.string()),
  environment: z.string(),
  effect: z.enum(effects).or(z.literal("")),
  trusted: z.boolean(),

  // decision
  decision: z.enum(decisions),
  basis: z.enum(bases),
  policyIds: z.array(z.string()),
  policyVersion: z.string(),
  reason: z.string(),
  mode: z.enum(modes),
  wouldBe: z.enum(decisions).or(z.literal("")),
  /** How many messages this is the record of: more than 1 where denials repeated without end. They agree in who, where to,
   * what and why; the rest is the first one's. */
  attempts: z.int().positive(),

  // what came of it
  outcome: z.enum(outcomes),
  errorType: z.string(),
  rpcCode: z.string(),
  httpStatus: z.int().nonnegative(),
  upstreamStatus: z.int().nonnegative(),
  requestBytes: z.int().nonnegative(),
  resultBytes: z.int().nonnegative(),
  resultDigest: z.string(),
  arguments: z.array(argumentLeafSchema).max(256),
  handling: z.enum(handlings),
  handlingFindings: z.array(z.string()),
  approvalId: z.string(),
  exceptionId: z.string(),
});

export type CallRecord = z.infer<typeof callRecordSchema>;
export type ArgumentLeaf = z.infer<typeof argumentLeafSchema>;
export type Decision = (typeof decisions)[number];
export type Basis = (typeof bases)[number];
export type Outcome = (typeof outcomes)[number];
export type RiskTier = (typeof riskTiers)[number];
export type Effect = (typeof effects)[number];

/** A record as the proxy hands it to the spool, before it has a place in the chain. */
export type DraftRecord = Omit<CallRecord, "producer" | "seq" | "prevHash" | "hash">;

/** How people and permalinks name a call: unique, and provable from the chain. */
export function callId(record: Pick<CallRecord, "producer" | "seq">): string {
  return `${record.producer}-${record.seq}`;
}
