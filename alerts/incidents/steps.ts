import { z } from "zod";

/** The steps of an investigation, in the order in which they usually happen. */
export const incidentSteps = ["opened", "detected", "acknowledged", "investigation_started", "cause_identified", "contained", "resolved", "closed", "reopened", "note"] as const;
export const initiators = ["agent", "human_via_agent", "external_content", "unknown"] as const;

export const incidentEventSchema = z.strictObject({
  incidentId: z.string().regex(/^inc_[a-z0-9]{6,32}$/),
  step: z.enum(incidentSteps),
  occurredAtMs: z.int(),
  recordedAtMs: z.int(),
  actor: z.string().trim().min(1),
  alertId: z.string().default(""),
  title: z.string().max(200).default(""),
  severity: z.string().default(""),
  initiator: z.enum(initiators).default("unknown"),
  cause: z.string().max(2000).default(""),
  note: z.string().max(4000).default(""),
  callIds: z.array(z.string()).max(100).default([]),
  drill: z.boolean().default(false),
});
export type IncidentEvent = z.infer<typeof incidentEventSchema>;

/** Why a step can't be recorded after those that were, or null. Edits append, so most orders are fine. */
export function refuseStep(existing: readonly Pick<IncidentEvent, "step" | "occurredAtMs">[], next: Pick<IncidentEvent, "step" | "occurredAtMs" | "recordedAtMs" | "cause" | "callIds">): string | null {
  const has = (step: string) => existing.some((e) => e.step === step);
  if (next.step === "opened") return existing.length > 0 ? "the incident is open already" : null;
  if (existing.length === 0) return "there is no such incident";
  if (next.occurredAtMs > next.recordedAtMs + 60_000) return "a step can't lie in the future";
  if (next.step === "detected" && has("detected")) return "the time of detection does not change";
  if (next.step === "cause_identified" && (next.cause.trim() === "" || next.callIds.length === 0)) return "a cause needs words and at least one call as evidence";
  if (next.step === "reopened" && !has("resolved") && !has("closed")) return "the incident is not resolved";
  return null;
}
