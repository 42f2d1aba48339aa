import type { Alert } from "../../alert.ts";
import { renderAlertText } from "../../alert.ts";
import type { AlertGroup } from "../../group.ts";

export const maxBodyBytes = 20_000;

/**
 * `{type, timestamp, data}` of at most 20 kB. What does not fit is left out from the least useful end: evidence SQL first
 * (the alert's page has it), then alerts, and the count of those left out is said.
 */
export function webhookBody(group: AlertGroup, timestampMs: number): string {
  const build = (alerts: readonly unknown[]): string =>
    JSON.stringify({
      type: group.type,
      timestamp: new Date(timestampMs).toISOString(),
      data: { groupKey: group.key, alertCount: group.alerts.length, truncatedAlerts: group.alerts.length - alerts.length, alerts },
    });
  const full = build(group.alerts.map(payload));
  if (Buffer.byteLength(full) <= maxBodyBytes) return full;
  const slim = group.alerts.map((a) => ({ ...payload(a), summary: a.summary.slice(0, 300), evidence: { callIds: a.evidence.callIds }, falsePositives: [] }));
  for (let keep = slim.length; keep > 0; keep--) {
    const body = build(slim.slice(0, keep));
    if (Buffer.byteLength(body) <= maxBodyBytes) return body;
  }
  return build([]);
}

const payload = (a: Alert) => ({ ...a, text: renderAlertText(a), contributors: a.contributors.slice(0, 3) });
