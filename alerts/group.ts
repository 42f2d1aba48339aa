import type { Alert } from "./alert.ts";
import type { Rule } from "./rule.ts";

export interface AlertGroup {
  readonly key: string;
  readonly type: NotificationType;
  readonly alerts: readonly Alert[];
}

export const notificationTypes = ["mcp.alert.firing", "mcp.alert.acknowledged", "mcp.alert.resolved"] as const;
export type NotificationType = (typeof notificationTypes)[number];

/** Which transitions are told to anybody. A silence is quiet by definition, and pending is not news yet. */
export function notificationType(alert: Pick<Alert, "state">): NotificationType | null {
  if (alert.state === "firing") return "mcp.alert.firing";
  if (alert.state === "acknowledged") return "mcp.alert.acknowledged";
  return alert.state === "resolved" ? "mcp.alert.resolved" : null;
}

/** One message per group and kind of change, not per alert: ten tools of one failing server are one thing to look at. */
export function groupAlerts(rules: ReadonlyMap<string, Rule>, alerts: readonly Alert[]): AlertGroup[] {
  const groups = new Map<string, { key: string; type: NotificationType; alerts: Alert[] }>();
  for (const alert of alerts) {
    const type = notificationType(alert);
    if (type === null) continue;
    const by = rules.get(alert.ruleId)?.groupBy ?? ["entity"];
    const key = [alert.ruleId, ...by.map((label) => `${label}=${alert.labels[label] ?? ""}`)].join(",");
    const id = `${type} ${key}`;
    const group = groups.get(id) ?? { key, type, alerts: [] };
    group.alerts.push(alert);
    groups.set(id, group);
  }
  return [...groups.values()];
}
