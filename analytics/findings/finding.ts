import { createHash } from "node:crypto";
import { z } from "zod";

/** How much a finding matters: `page` wants a person now, `ticket` this week, `info` is for context only. */
export const severities = ["page", "ticket", "info"] as const;

export const contributorSchema = z.object({
  dimension: z.string(),
  value: z.string(),
  /** Shares are 0 to 1; `excessShare` is the part of the excess over the expected value that this value explains. */
  windowShare: z.number(),
  baselineShare: z.number(),
  excessShare: z.number(),
});

export const dataHealthSchema = z.object({
  rowsInWindow: z.int().nonnegative(),
  baselineRows: z.int().nonnegative(),
  missingBuckets: z.int().nonnegative(),
  ingestLagMs: z.number().nonnegative(),
  /** True where the figures above make the finding less sure; its severity is then at most `ticket`. */
  degraded: z.boolean(),
});

/** What an analytics job may say, and what alerts and pages read. Times are Unix milliseconds, windows half-open. */
export const findingSchema = z.object({
  findingId: z.string(),
  detector: z.enum(["denial_spike", "error_spike", "latency_drift", "unusual_sequence", "volume", "silence", "first_use", "retry_storm", "scope_escape", "taint_flow", "sequence_gap", "late_record", "duplicate_record", "unrecorded_calls", "control_change", "deprecated_use", "anchor_failure"]),
  detectorVersion: z.string(),
  detectedAtMs: z.int(),
  windowStartMs: z.int(),
  windowEndMs: z.int(),
  entityKind: z.enum(["server", "tool", "agent", "task", "task_class", "producer", "control"]),
  /** The entity as one string: `github/create_issue` for a tool, otherwise its name or id. */
  entity: z.string(),
  server: z.string(),
  tool: z.string(),
  agent: z.string(),
  taskClass: z.string(),
  severity: z.enum(severities),
  score: z.number(),
  unit: z.string(),
  actual: z.number(),
  expected: z.number(),
  expectedLow: z.number(),
  expectedHigh: z.number(),
  sampleSize: z.int().nonnegative(),
  /** `<metric> on <entity>: <now> vs expected <base> (<ratio>, <window>)`, at most 120 characters. */
  title: z.string().max(120),
  summary: z.string().max(2000),
  contributors: z.array(contributorSchema).max(5),
  callIds: z.array(z.string()).max(3),
  evidenceSql: z.string(),
  evidenceParams: z.record(z.string(), z.union([z.string(), z.number()])),
  dataHealth: dataHealthSchema,
});

export type Finding = z.infer<typeof findingSchema>;
export type Contributor = z.infer<typeof contributorSchema>;

/** The same detector, entity and window give the same id, so that a job that runs again repeats itself harmlessly. */
export function findingId(detector: string, entityKind: string, entity: string, windowStartMs: number, windowEndMs: number): string {
  const key = JSON.stringify([detector, entityKind, entity, windowStartMs, windowEndMs]);
  return createHash("sha256").update(key).digest("hex").slice(0, 24);
}
