import { columns } from "../../collector/kernel/columns.ts";
import { showable } from "../../collector/sql/terminal.ts";
import { figure } from "../findings/title.ts";
import type { Metric } from "./metrics.ts";
import { methodOf, modelVersion, parentWords, type Baseline } from "./model.ts";
import { words } from "./season.ts";

const hourMs = 3_600_000;

/** What a baseline says, and where it comes from, for people and programs. Times are Unix milliseconds. */
export interface BaselineAnswer {
  readonly metric: Metric;
  readonly kind: string;
  readonly entity: string;
  readonly hourMs: number;
  readonly centre: number;
  readonly spread: number;
  readonly quantiles: Readonly<Record<string, number>>;
  readonly level: string;
  /** Why no finer level, `` where there is none. */
  readonly why: string;
  readonly coldStart: boolean;
  readonly learntFromMs: number;
  readonly learntToMs: number;
  readonly firstCallMs: number;
  readonly hours: number;
  readonly hoursAlike: number;
  readonly calls: number | null;
  readonly parentKind: string;
  readonly parent: string;
  readonly ownCentre: number;
  readonly parentCentre: number;
  readonly weight: number;
  readonly shift: { readonly atMs: number; readonly before: number; readonly after: number } | null;
  readonly hoursLeftOut: number;
  readonly incidents: readonly string[];
  readonly method: string;
  readonly modelVersion: string;
}

export function answerOf(baseline: Baseline): BaselineAnswer {
  const { own } = baseline;
  return {
    metric: own.metric,
    kind: own.kind,
    entity: own.entity,
    hourMs: own.hour * hourMs,
    centre: baseline.centre,
    spread: baseline.spread,
    quantiles: baseline.quantiles,
    level: own.cold ? "cold_start" : own.level,
    why: own.why,
    coldStart: own.cold,
    learntFromMs: own.since * hourMs,
    learntToMs: own.until * hourMs,
    firstCallMs: own.firstHour * hourMs,
    hours: own.hours,
    hoursAlike: own.hoursAlike,
    calls: own.metric === "call_volume" ? null : own.weight,
    parentKind: own.parentKind,
    parent: own.parent,
    ownCentre: own.centre,
    parentCentre: baseline.parentCentre,
    weight: baseline.weight,
    shift: own.shift === undefined ? null : { atMs: own.shift.day * 24 * hourMs, before: own.shift.before, after: own.shift.after },
    hoursLeftOut: own.hoursLeftOut,
    incidents: own.incidents,
    method: methodOf(baseline),
    modelVersion,
  };
}

/** Lines for a terminal: a table of all metrics, then what each comes from. Nothing in them can steer a terminal. */
export function baselineLines(baselines: readonly Baseline[]): string[] {
  const first = baselines[0]!.own;
  const table = baselines.map((b) => [b.own.metric, value(b.own.metric, b.centre), `+/- ${value(b.own.metric, b.spread)}`, ...["p05", "p50", "p95", "p99"].map((q) => value(b.own.metric, b.quantiles[q]!))]);
  return [
    `Usual for ${first.kind} ${first.entity} in the hour from ${time(first.hour)} UTC (model ${modelVersion})`,
    "",
    ...columns([["metric", "centre", "spread", "p05", "p50", "p95", "p99"], ...table]).map((line) => `  ${line}`),
    ...baselines.flatMap((b) => ["", ...sources(b).map((line) => `  ${line}`)]),
  ].map(showable);
}

function sources(b: Baseline): string[] {
  const { own } = b;
  const of = (x: number): string => value(own.metric, x);
  const calls = own.metric === "call_volume" ? "" : ` and ${own.weight} calls`;
  const leaning = `weight ${b.weight.toFixed(2)}: its own ${of(own.centre)}, ${parentWords(own)} ${of(b.parentCentre)}${own.metric === "call_volume" ? " (an even share of it)" : ""}`;
  return [
    `${own.metric}: learnt from ${own.hours} hours${calls}, ${time(own.since)} to ${time(own.until)}`,
    own.cold ? `  cold start: ${own.hoursKnown} hours are known; no detector of volumes says anything yet` : `  compared with ${own.hoursAlike} hours: ${words[own.level]}${own.why === "" ? "" : ` (${own.why})`}`,
    ...(own.parent === "" ? [] : [`  ${leaning}`]),
    ...(own.shift === undefined ? [] : [`  the level shifted on ${time(own.shift.day * 24)}, from ${of(own.shift.before)} to ${of(own.shift.after)}; nothing older counts`]),
    ...(own.hoursLeftOut === 0 ? [] : [`  ${own.hoursLeftOut} hours are left out, as they belong to ${own.incidents.join(", ")}`]),
    ...(own.floored ? ["  its hours hardly differ: the spread is the least that is believed"] : []),
  ];
}

function value(metric: Metric, x: number): string {
  if (metric === "call_volume") return `${figure(x)} calls/h`;
  return metric.endsWith("_rate") ? `${figure(100 * x)}%` : `${figure(x)} ms`;
}

const time = (hour: number): string => new Date(hour * hourMs).toISOString().slice(0, 16).replace("T", " ");
