import { z } from "zod";
import { contributorSchema, dataHealthSchema, severities, type Finding } from "../analytics/findings/finding.ts";
import { alertStates } from "./state.ts";
import type { Rule } from "./rule.ts";

/** How far it reaches: counted over the calls of the finding's window. */
export const blastRadiusSchema = z.object({
  calls: z.int(),
  tasks: z.int(),
  agents: z.int(),
  principals: z.int(),
  servers: z.int(),
  highRiskCalls: z.int(),
  denied: z.int(),
  held: z.int(),
  shareOfCalls: z.number(),
  riskTier: z.string(),
  environment: z.string(),
});
export type BlastRadius = z.infer<typeof blastRadiusSchema>;

/**
 * The one alert object. The console, every channel and the history render this and nothing else. It holds ids and
 * counts, never arguments or results of a call.
 */
export const alertSchema = z.object({
  alertId: z.string(),
  fingerprint: z.string(),
  ruleId: z.string(),
  ruleVersion: z.int(),
  ruleTitle: z.string(),
  state: z.enum(alertStates),
  severity: z.enum(severities),
  title: z.string(),
  summary: z.string(),
  owner: z.string(),
  labels: z.record(z.string(), z.string()),
  startsAtMs: z.int(),
  updatedAtMs: z.int(),
  endsAtMs: z.int().nullable(),
  findingId: z.string(),
  window: z.object({ startMs: z.int(), endMs: z.int() }),
  change: z.object({
    actual: z.number(),
    expected: z.number(),
    expectedLow: z.number(),
    expectedHigh: z.number(),
    delta: z.number(),
    ratio: z.number().nullable(),
    unit: z.string(),
    score: z.number(),
    sampleSize: z.int(),
  }),
  blastRadius: blastRadiusSchema.nullable(),
  contributors: z.array(contributorSchema),
  dataHealth: dataHealthSchema,
  evidence: z.object({ sql: z.string(), params: z.record(z.string(), z.union([z.string(), z.number()])), callIds: z.array(z.string()) }),
  firedBefore: z.int().nonnegative(),
  runbook: z.string(),
  investigationGuide: z.string(),
  falsePositives: z.array(z.string()),
  links: z.object({ alert: z.string(), investigate: z.string() }),
});
export type Alert = z.infer<typeof alertSchema>;

const weight = { info: 0, ticket: 1, page: 2 } as const;

export function buildAlert(input: {
  rule: Rule;
  finding: Finding;
  identity: { alertId: string; fingerprint: string; labels: Record<string, string> };
  state: Alert["state"];
  startsAtMs: number;
  updatedAtMs: number;
  endsAtMs: number | null;
  blastRadius: BlastRadius | null;
  firedBefore: number;
  consoleUrl: string;
}): Alert {
  const { rule, finding: f } = input;
  const lower = weight[rule.severity] < weight[f.severity] ? rule.severity : f.severity;
  const alert: Alert = {
    ...input.identity,
    ruleId: rule.id,
    ruleVersion: rule.version,
    ruleTitle: rule.title,
    state: input.state,
    severity: lower,
    title: f.title,
    summary: f.summary,
    owner: rule.owner,
    startsAtMs: input.startsAtMs,
    updatedAtMs: input.updatedAtMs,
    endsAtMs: input.endsAtMs,
    findingId: f.findingId,
    window: { startMs: f.windowStartMs, endMs: f.windowEndMs },
    change: {
      actual: f.actual,
      expected: f.expected,
      expectedLow: f.expectedLow,
      expectedHigh: f.expectedHigh,
      delta: f.actual - f.expected,
      ratio: f.expected === 0 ? null : f.actual / f.expected,
      unit: f.unit,
      score: f.score,
      sampleSize: f.sampleSize,
    },
    blastRadius: input.blastRadius,
    contributors: f.contributors,
    dataHealth: f.dataHealth,
    evidence: { sql: f.evidenceSql, params: f.evidenceParams, callIds: f.callIds },
    firedBefore: input.firedBefore,
    runbook: rule.runbook.startsWith("runbooks/") ? `${input.consoleUrl.replace(/\/+$/, "")}/${rule.runbook}` : rule.runbook,
    investigationGuide: rule.investigationGuide,
    falsePositives: rule.falsePositives,
    links: links(input.consoleUrl, input.identity.alertId, f),
  };
  return capUnsure(alert, rule);
}

/** Degraded data or a missing part makes an alert less sure: it stays visible, says so, and wakes nobody. */
function capUnsure(alert: Alert, rule: Rule): Alert {
  const marks = [...(alert.dataHealth.degraded ? ["low confidence"] : []), ...(missingParts(alert, rule).length > 0 ? ["incomplete"] : [])];
  if (marks.length === 0) return alert;
  const severity = alert.severity === "page" ? "ticket" : alert.severity;
  return { ...alert, severity, title: `[${marks.join(", ")}] ${alert.title}`.slice(0, 120) };
}

/** What an alert must have before a person is asked to act on it. Rules whose alerts lack any of it fail the check. */
export function missingParts(a: Alert, rule: Pick<Rule, "contributors">): string[] {
  const missing: string[] = [];
  if (a.title.trim() === "") missing.push("title");
  if (![a.change.actual, a.change.expected].every(Number.isFinite)) missing.push("now and expected");
  if (a.contributors.length === 0 && rule.contributors === "required") missing.push("contributors");
  if (a.dataHealth.rowsInWindow === 0 && a.dataHealth.baselineRows === 0) missing.push("data health");
  if (a.runbook === "") missing.push("runbook");
  if (a.evidence.sql.trim() === "") missing.push("evidence SQL");
  return missing;
}

/** Links that leave the tool carry absolute times: opened next week they show the same rows. */
function links(base: string, id: string, f: Finding): Alert["links"] {
  const root = base.replace(/\/+$/, "");
  const query = new URLSearchParams({ from: new Date(f.windowStartMs).toISOString(), to: new Date(f.windowEndMs).toISOString() });
  for (const [key, value] of [["server", f.server], ["tool", f.tool], ["agent", f.agent]] as const) if (value) query.set(key, value);
  return { alert: `${root}/alerts/${id}`, investigate: `${root}/calls?${query}` };
}

/** The verdict in three lines, for channels and terminals. */
export function renderAlertText(a: Alert): string {
  const state = a.state === "firing" ? a.severity.toUpperCase() : a.state.toUpperCase();
  const b = a.blastRadius;
  const blast = b
    ? `Blast: ${plural(b.tasks, "task")}, ${plural(b.agents, "agent")}, ${plural(b.principals, "principal")}, ${plural(b.servers, "server")}${b.riskTier ? `, tier ${b.riskTier}` : ""}, ${percent(b.shareOfCalls)} of all calls.`
    : "Blast: not counted.";
  const health = a.dataHealth.degraded ? "degraded" : "complete";
  const why = a.contributors.slice(0, 3).map((c) => `${c.dimension}=${c.value} ${percent(c.windowShare)} of window vs ${percent(c.baselineShare)} of baseline`);
  return [
    `[${state}] ${a.title}  rule ${a.ruleId} v${a.ruleVersion}`,
    `${blast} Data: ${health}, lag ${Math.round(a.dataHealth.ingestLagMs / 1000)} s.`,
    `Why: ${why.length > 0 ? why.join("; ") : "no contributor stands out"}`,
    `Do: Investigate ${a.links.investigate} | Alert ${a.links.alert} | Runbook ${a.runbook}`,
  ]
    .map(visible)
    .join("\n");
}

const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : "s"}`;
const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0)}%`;

/** Names come from agents and servers: control and direction characters would let them rewrite the line around them. */
export function visible(line: string): string {
  return line.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
