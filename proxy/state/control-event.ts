import { z } from "zod";
import { riskTiers } from "../../collector/record/call-record.ts";

/**
 * What changes while the proxy runs: tasks, stops, approvals, exceptions, quarantine, tool definitions. Each change is an
 * event with who, when and why, appended to one journal; the state is what follows from the events (control-state.ts).
 * Times are Unix milliseconds. No payload and no secret is ever part of an event.
 */
const id = z.string().min(1).max(64);
const name = z.string().min(1).max(128);
const reason = z.string().max(500);
const names = z.array(name).max(256);

/** Where a stop or an exception holds: every member that is given must fit. At least one is given. */
export const scopeSchema = z
  .strictObject({ agent: name.optional(), server: name.optional(), tool: name.optional(), taskId: id.optional() })
  .refine((scope) => Object.values(scope).some((value) => value !== undefined), "name an agent, a server, a tool or a task");
export type Scope = z.infer<typeof scopeSchema>;

export const taskSchema = z.strictObject({
  taskId: id,
  class: name,
  /** The person or team that answers for the work item. */
  owner: name,
  agent: name,
  /** On whose behalf; the opener unless said otherwise. */
  principal: name,
  /** What the work is: a ticket's number or a title. */
  workItem: z.string().max(256),
  /** Absent: any that policy allows. */
  servers: names.optional(),
  tools: names.optional(),
  /** Calls and writes that the task may make; absent, no bound. */
  budget: z.strictObject({ calls: z.int().positive().optional(), writes: z.int().nonnegative().optional() }),
  expiresMs: z.int(),
  /** SHA-256 of the token, hex. */
  tokenHash: z.string().regex(/^[0-9a-f]{64}$/),
});

/** A hold: what exactly was asked, so that the answer is for nothing else. */
export const approvalSchema = z.strictObject({
  approvalId: id,
  agent: name,
  principal: name,
  taskId: z.string().max(64),
  server: name,
  serverVersion: name,
  tool: z.string().max(256),
  effect: z.string(),
  riskTier: z.enum(riskTiers).or(z.literal("")),
  /** Digest over server, tool definition and the arguments' leaf digests. */
  requestDigest: z.string(),
  definitionHash: z.string(),
  policyVersion: z.string(),
  policyIds: names,
  message: reason,
  expiresMs: z.int(),
  /** How many different people have to agree. */
  needed: z.int().min(1).max(3),
});

export const exceptionSchema = z.strictObject({
  exceptionId: id,
  scope: scopeSchema,
  reason,
  /** Break-glass: granted by the one who uses it, and reported at once. */
  breakGlass: z.boolean(),
  approvedBy: name,
  expiresMs: z.int(),
});

export const quarantineSchema = z.strictObject({
  quarantineId: id,
  agent: name,
  principal: name,
  taskId: z.string().max(64),
  server: name,
  tool: z.string().max(256),
  /** Of the call whose result this is (proxy/people/request-digest.ts): the same call again gets the same result. */
  requestDigest: z.string().max(128),
  /** What was found, as in a record's handlingFindings. */
  findings: z.array(z.string().max(128)).max(64),
  bytes: z.int().nonnegative(),
  resultDigest: z.string(),
  expiresMs: z.int(),
});

/** A definition that is new, changed or gone, as a tools/list result showed it. */
export const toolSeenSchema = z.strictObject({
  kind: z.literal("tool.seen"),
  server: name,
  version: name,
  tool: z.string().max(256),
  hash: z.string(),
  /** The definition as JSON text; empty where it vanished or is too large to keep. */
  definition: z.string().max(65_536),
  change: z.enum(["first", "compatible", "breaking", "vanished"]),
  differences: z.array(z.string().max(300)).max(50),
  instructionScore: z.number().min(0).max(1),
  action: z.enum(["pass", "hold", "block"]),
});

export const controlEventSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("task.opened"), task: taskSchema }),
  z.strictObject({ kind: z.literal("task.closed"), taskId: id, reason }),
  /** A task that was not opened here, as an access token names it: with the prefix of its issuer. */
  z.strictObject({ kind: z.literal("external_task.closed"), taskId: id, reason }),
  z.strictObject({ kind: z.literal("stop.set"), stopId: id, scope: scopeSchema, reason }),
  z.strictObject({ kind: z.literal("stop.cleared"), stopId: id, reason }),
  z.strictObject({ kind: z.literal("approval.requested"), approval: approvalSchema }),
  z.strictObject({ kind: z.literal("approval.decided"), approvalId: id, verdict: z.enum(["approve", "deny"]), comment: reason }),
  z.strictObject({ kind: z.literal("approval.used"), approvalId: id }),
  z.strictObject({ kind: z.literal("exception.granted"), exception: exceptionSchema }),
  z.strictObject({ kind: z.literal("exception.revoked"), exceptionId: id, reason }),
  z.strictObject({ kind: z.literal("quarantine.held"), item: quarantineSchema }),
  z.strictObject({ kind: z.literal("quarantine.settled"), quarantineId: id, verdict: z.enum(["release", "redact", "delete"]), comment: reason }),
  toolSeenSchema,
  z.strictObject({ kind: z.literal("tool.approved"), server: name, tool: z.string().max(256), hash: z.string(), reason }),
  /** The registry or the rules were changed to something that was not accepted; what was in force stays so. */
  z.strictObject({ kind: z.literal("files.refused"), part: name, problems: z.array(z.string().max(500)).max(50) }),
]);

export type ControlEvent = z.infer<typeof controlEventSchema>;
export type Task = Readonly<z.infer<typeof taskSchema>>;
export type Approval = Readonly<z.infer<typeof approvalSchema>>;
export type Exception = Readonly<z.infer<typeof exceptionSchema>>;
export type Quarantined = Readonly<z.infer<typeof quarantineSchema>>;

/** An event in the journal. `seq` counts from 1 without a gap; `by` is the principal that caused it. */
export const controlEntrySchema = z.strictObject({ seq: z.int().positive(), atMs: z.int(), by: name, event: controlEventSchema });
export type ControlEntry = Readonly<z.infer<typeof controlEntrySchema>>;

