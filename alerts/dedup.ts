import { createHash } from "node:crypto";
import type { Finding } from "../analytics/findings/finding.ts";
import type { Rule } from "./rule.ts";

const digest = (parts: readonly unknown[], length: number): string => createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, length);

/** Identity only. Numbers, versions and windows change while a condition lasts, and would make a new alert of each. */
export function labelsOf(rule: Rule, f: Finding): Record<string, string> {
  const all: Record<string, string> = {
    ...rule.labels,
    alertname: rule.id,
    entity_kind: f.entityKind,
    entity: f.entity,
    server: f.server,
    tool: f.tool,
    agent: f.agent,
    task_class: f.taskClass,
  };
  return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== ""));
}

/** The same rule and entity, whatever the rule's version, title or free labels. */
export function fingerprint(ruleId: string, entityKind: string, entity: string): string {
  return digest([ruleId, entityKind, entity], 16);
}

/** One id per episode, so that a second firing next week is another alert with the same fingerprint. */
export function alertId(print: string, startsAtMs: number): string {
  return digest([print, startsAtMs], 16);
}

/** The same transition of the same group to the same receiver is the same notification, however often it is decided. */
export function notificationId(receiver: string, type: string, groupKey: string, transitions: readonly string[]): string {
  return `msg_${digest([receiver, type, groupKey, [...transitions].sort()], 24)}`;
}
