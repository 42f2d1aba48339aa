import { z } from "zod";
import { tokenize } from "../engine/tokens.ts";

/** Beyond this a DateTime would run over its end, and the row would go at once. */
const MAX_DAYS = 10_950;

const days = (least: number) =>
  z
    .string()
    .regex(/^\d+d$/, "a number of days such as 400d")
    .transform((text) => Number.parseInt(text, 10))
    .refine((n) => n >= least && n <= MAX_DAYS, `between ${least}d and ${MAX_DAYS}d`);
const keep = z.union([z.literal("never").transform(() => null), days(1)], "days such as 400d, or never");

/** The gap detector looks a day back and `audit verify` leaves a day's margin. */
const registerDays = days(7);
const tiers = { high: registerDays.default(730), medium: registerDays.default(400), low: registerDays.default(180) };
const keepByTier = z.union([z.literal("never").transform(() => null), days(1), z.strictObject({ high: days(1), medium: days(1), low: days(1) })], "days such as 30d, days by risk tier, or never");
/** A model sums a week of them, and an hour that has gone would be counted anew. */
const countsKeep = z.union([z.literal("never").transform(() => null), days(14)], "at least 14d, or never");
const registerKeep = <T extends z.ZodType>(byTier: T) => z.union([z.literal("never").transform(() => null), registerDays, byTier], "days such as 400d, days by risk tier, or never");

/**
 * How long rows are kept, by table and, for what holds calls, by risk tier; a call without a tier is kept as long as the longest.
 * Spans of the register are kept as long as their calls, because the hashes cover them; `other` are all other spans. What is not
 * here is kept for ever: the registry, policies, control events, alerts, incidents, and the checkpoints.
 */
export const retentionSchema = z
  .strictObject({
    calls: registerKeep(z.strictObject(tiers)).prefault({}),
    otel_traces: registerKeep(z.strictObject({ ...tiers, other: days(1).default(30) })).prefault({}),
    calls_1m: keep.prefault("730d"),
    calls_1h: keep.prefault("1095d"),
    calls_1d: keep.prefault("never"),
    latency_1m: keep.prefault("400d"),
    latency_1h: keep.prefault("730d"),
    latency_1d: keep.prefault("never"),
    latency_by_agent_1h: keep.prefault("400d"),
    baselines: keep.prefault("400d"),
    findings: keep.prefault("730d"),
    job_runs: keep.prefault("90d"),
    metric_values: keep.prefault("never"),
    notification_events: keep.prefault("400d"),
    audit_anchors: keep.prefault("400d"),
    audit_completeness: keep.prefault("730d"),
    payloads: keepByTier.prefault("30d"),
    dropped_payloads: keep.prefault("400d"),
    sequence_counts: countsKeep.prefault("90d"),
    sequence_models: keep.prefault("400d"),
    sequence_transitions: keep.prefault("90d"),
    sequence_scores: keep.prefault("90d"),
    argument_values: keep.prefault("90d"),
    argument_flows: keep.prefault("90d"),
  })
  .prefault({});

export type Retention = z.output<typeof retentionSchema>;
type Tiers = { readonly high: number; readonly medium: number; readonly low: number; readonly other?: number };
export type Keep = number | null | Tiers;

/** One table's rule: `ttl` is the expression as the engine writes it, null for none. */
export interface Rule {
  readonly table: string;
  readonly kept: readonly { readonly tier: string; readonly days: number | null }[];
  readonly ttl: string | null;
}

const TIME: Readonly<Record<string, string>> = {
  calls: "toDateTime(ts)",
  otel_traces: "toDateTime(Timestamp)",
  otel_traces_trace_id_ts: "End",
  calls_1m: "minute",
  calls_1h: "hour",
  calls_1d: "day",
  latency_1m: "minute",
  latency_1h: "hour",
  latency_1d: "day",
  latency_by_agent_1h: "hour",
  baselines: "toDateTime(computed_at)",
  findings: "toDateTime(detected_at)",
  job_runs: "toDateTime(finished_at)",
  metric_values: "toDateTime(as_of)",
  notification_events: "toDateTime(at)",
  audit_anchors: "toDateTime(at)",
  audit_completeness: "toDateTime(computed_at)",
  payloads: "toDateTime(ts)",
  dropped_payloads: "toDateTime(last_at)",
  sequence_counts: "block",
  sequence_blocks: "block",
  sequence_models: "toDateTime(learnt_to)",
  sequence_transitions: "learnt_to",
  sequence_scores: "toDateTime(ts)",
  argument_values: "toDateTime(last_at)",
  argument_flows: "toDateTime(last_at)",
  argument_places: "toDateTime(toLastDayOfMonth(month))",
};
const TIER: Readonly<Record<string, string>> = { calls: "risk_tier", payloads: "risk_tier", otel_traces: "SpanAttributes['signalbox.server.risk_tier']" };
const IS_OTHER = "SpanAttributes['signalbox.audit.producer'] = ''";

/** What the configuration says, table by table. The index of traces goes with the last of their spans, an hour's mark with its counts,
 * how many values a month had with the values. */
export function rulesOf(retention: Retention): Rule[] {
  const index = longest(retention.otel_traces);
  return [...Object.entries(retention), ["otel_traces_trace_id_ts", index] as const, ["sequence_blocks", retention.sequence_counts] as const, ["argument_places", retention.argument_values] as const].map(([table, kept]) => ruleOf(table, kept));
}

function ruleOf(table: string, kept: Keep): Rule {
  if (kept === null) return { table, kept: [{ tier: "", days: null }], ttl: null };
  const ttl = `${TIME[table]} + toIntervalDay(${daysExpression(table, kept)})`;
  if (typeof kept === "number") return { table, kept: [{ tier: "", days: kept }], ttl };
  return { table, kept: Object.entries(kept).map(([tier, n]) => ({ tier, days: n as number })), ttl };
}

function daysExpression(table: string, kept: number | Tiers): string {
  if (typeof kept === "number") return String(kept);
  const tier = TIER[table];
  const other = kept.other === undefined ? "" : `${IS_OTHER}, ${kept.other}, `;
  const longestTier = Math.max(kept.high, kept.medium, kept.low);
  return `multiIf(${other}${tier} = 'low', ${kept.low}, ${tier} = 'medium', ${kept.medium}, ${tier} = 'high', ${kept.high}, ${longestTier})`;
}

function longest(kept: Keep): number | null {
  return kept === null || typeof kept === "number" ? kept : Math.max(...Object.values(kept as Record<string, number>));
}

/** The rule in an `engine_full` of system.tables, null where the table has none. */
export function ttlIn(engineFull: string): string | null {
  const outer = tokenize(engineFull).filter((token) => token.depth === 0);
  const ttl = outer.find((token) => token.text === "TTL");
  if (!ttl) return null;
  const settings = outer.find((token) => token.text === "SETTINGS" && token.start > ttl.start);
  return engineFull.slice(ttl.end, settings?.start).trim();
}
