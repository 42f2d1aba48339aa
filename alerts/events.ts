import { alertSchema, type Alert } from "./alert.ts";
import type { CurrentAlert } from "./evaluate.ts";
import { alertStates, type AlertState } from "./state.ts";

/** DateTime64(3) as ClickHouse reads it, in UTC. */
export const toDateTime = (ms: number): string => new Date(ms).toISOString().replace("T", " ").replace("Z", "");

export interface AlertEvent {
  readonly alert: Alert;
  readonly atMs: number;
  readonly previousState: AlertState;
  readonly actor: string;
  readonly reason: string;
  readonly throughMs: number;
  readonly silencedUntilMs: number | null;
  readonly acknowledged: boolean;
}

/** A transition as a row of alert_events. The whole alert travels in one annotation, so history shows what was known then. */
export function alertEventRow(e: AlertEvent): Record<string, unknown> {
  const a = e.alert;
  return {
    alert_id: a.alertId,
    rule_id: a.ruleId,
    rule_version: a.ruleVersion,
    fingerprint: a.fingerprint,
    at: toDateTime(e.atMs),
    state: a.state,
    previous_state: e.previousState,
    actor: e.actor,
    reason: e.reason,
    severity: a.severity,
    title: a.title,
    labels: a.labels,
    annotations: {
      alert: JSON.stringify(a),
      through_ms: String(e.throughMs),
      acknowledged: e.acknowledged ? "1" : "0",
      ...(e.silencedUntilMs === null ? {} : { silenced_until_ms: String(e.silencedUntilMs) }),
    },
    finding_id: a.findingId,
    starts_at: toDateTime(a.startsAtMs),
    ends_at: a.endsAtMs === null ? null : toDateTime(a.endsAtMs),
  };
}

export interface CurrentRow {
  fingerprint: string;
  last_alert_id: string;
  last_rule_id: string;
  last_state: string;
  starts_at_ms: string | number;
  updated_at_ms: string | number;
  last_annotations: Record<string, string>;
  silenced_until_ms: string | number;
}

export function fromCurrentRow(row: CurrentRow): CurrentAlert {
  const silenced = Number(row.silenced_until_ms);
  return {
    alertId: row.last_alert_id,
    fingerprint: row.fingerprint,
    ruleId: row.last_rule_id,
    state: (alertStates as readonly string[]).includes(row.last_state) ? (row.last_state as AlertState) : "inactive",
    startsAtMs: Number(row.starts_at_ms),
    updatedAtMs: Number(row.updated_at_ms),
    throughMs: Number(row.last_annotations.through_ms ?? row.updated_at_ms),
    silencedUntilMs: silenced > 0 ? silenced : null,
    acknowledged: row.last_annotations.acknowledged === "1",
    alert: parseAlert(row.last_annotations.alert),
  };
}

/** Null for a row that an older version wrote in another shape: it is shown by its columns alone. */
export function parseAlert(json: string | undefined): Alert | null {
  try {
    const parsed = alertSchema.safeParse(JSON.parse(json ?? "null"));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
