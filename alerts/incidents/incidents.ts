import { randomBytes } from "node:crypto";
import type { z } from "zod";
import type { Clock } from "../../collector/kernel/clock.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { toDateTime } from "../events.ts";
import { append, select, type Store } from "../rows.ts";
import { incidentEventSchema, refuseStep, type IncidentEvent } from "./steps.ts";

type StepInput = Omit<z.input<typeof incidentEventSchema>, "recordedAtMs" | "occurredAtMs" | "incidentId"> & { occurredAtMs?: number };

export interface IncidentSummary {
  incidentId: string;
  title: string;
  severity: string;
  steps: { step: string; occurredAtMs: number; recordedAtMs: number; actor: string; note: string; cause: string }[];
}

/** Opens an incident. With an alert, its start is the detection: a person who opens late does not look faster. */
export async function openIncident(deps: { store: Store; clock: Clock }, input: Omit<StepInput, "step"> & { detectedAtMs?: number }): Promise<string> {
  const incidentId = `inc_${randomBytes(6).toString("hex")}`;
  const { detectedAtMs, ...step } = input;
  await write(deps, incidentId, [], { ...step, step: "opened" });
  const opened = await steps(deps.store, incidentId);
  await write(deps, incidentId, opened, { actor: step.actor, alertId: step.alertId, drill: step.drill, step: "detected", occurredAtMs: detectedAtMs ?? deps.clock.nowMs() });
  return incidentId;
}

/** Appends a step. Throws `E_INCIDENT_STEP` where it makes no sense after those before it. */
export async function recordStep(deps: { store: Store; clock: Clock }, incidentId: string, input: StepInput): Promise<void> {
  await write(deps, incidentId, await steps(deps.store, incidentId), input);
}

export async function listIncidents(store: Store, limit = 50): Promise<IncidentSummary[]> {
  const rows = await select<{ incident_id: string; title: string; severity: string; steps: [string, string | number, string | number, string, string, string][] }>(store, "incidents", { limit });
  return rows.map((r) => ({
    incidentId: r.incident_id,
    title: r.title,
    severity: r.severity,
    steps: r.steps.map(([step, occurred, recorded, actor, note, cause]) => ({ step, occurredAtMs: Number(occurred), recordedAtMs: Number(recorded), actor, note, cause })),
  }));
}

async function steps(store: Store, incidentId: string): Promise<Pick<IncidentEvent, "step" | "occurredAtMs">[]> {
  const rows = await select<{ step: IncidentEvent["step"]; occurred_ms: string | number }>(store, "incident-steps", { incident_id: incidentId });
  return rows.map((r) => ({ step: r.step, occurredAtMs: Number(r.occurred_ms) }));
}

async function write(deps: { store: Store; clock: Clock }, incidentId: string, existing: Parameters<typeof refuseStep>[0], input: StepInput): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const parsed = incidentEventSchema.safeParse({ ...input, incidentId, recordedAtMs: nowMs, occurredAtMs: input.occurredAtMs ?? nowMs });
  if (!parsed.success) throw new SignalboxError("E_INCIDENT_STEP", `the step can't be recorded: ${parsed.error.issues.map((i) => `${i.path.join(".")}: ${i.message}`).join("; ")}`);
  const event = parsed.data;
  const refused = refuseStep(existing, event);
  if (refused) throw new SignalboxError("E_INCIDENT_STEP", `the step can't be recorded: ${refused}`);
  await append(deps.store, "incident_events", [
    {
      incident_id: event.incidentId,
      step: event.step,
      occurred_at: toDateTime(event.occurredAtMs),
      recorded_at: toDateTime(event.recordedAtMs),
      actor: event.actor,
      alert_id: event.alertId,
      title: event.title,
      severity: event.severity,
      initiator: event.initiator,
      cause: event.cause,
      note: event.note,
      call_ids: event.callIds,
      drill: event.drill,
    },
  ]);
}
