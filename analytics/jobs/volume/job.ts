import type { Level } from "../../baseline/season.ts";
import { readBaselines, type BaselineConfig } from "../../baseline/read.ts";
import { loadSql } from "../../../collector/store/sql-file.ts";
import { compose } from "../../findings/compose.ts";
import type { Finding } from "../../findings/finding.ts";
import { figure } from "../../findings/title.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { readShares } from "../../findings/shares.ts";
import { findUnusualVolumes, type Unusual, type VolumeThresholds } from "./score.ts";

export interface VolumeConfig extends VolumeThresholds {
  latenessMs: number;
}

const hourMs = 3_600_000;
const version = "2";

const callsSql = loadSql(new URL("./volume.sql", import.meta.url));
const evidenceSql = loadSql(new URL("./evidence.sql", import.meta.url));
const contributorsSql = loadSql(new URL("./contributors.sql", import.meta.url));
const examplesSql = loadSql(new URL("./examples.sql", import.meta.url));

/** Agents and servers with far more calls than their hour usually has, or with next to none. */
export function volume(config: VolumeConfig, baselines: BaselineConfig): Job {
  return {
    name: "volume",
    cron: "3 * * * *",
    stepMs: hourMs,
    windowMs: hourMs,
    latenessMs: config.latenessMs,
    async run(context) {
      const { store, window, nowMs } = context;
      const question = { atMs: window.fromMs, untilMs: window.fromMs, asOfMs: nowMs, metrics: ["call_volume"], kinds: ["agent", "server"] } as const;
      const usual = await readBaselines(store, question, baselines);
      const rows = await store.query<{ entity_kind: string; entity: string; calls: number }>(callsSql, { window_start_ms: window.fromMs, window_end_ms: window.toMs });
      const calls = new Map(rows.map((row) => [`${row.entity_kind} ${row.entity}`, row.calls]));
      const hours = usual.map(({ own }) => ({ baseline: own, actual: calls.get(`${own.kind} ${own.entity}`) ?? 0 }));
      const { found, tested } = findUnusualVolumes(hours, config);
      return { findings: await Promise.all(found.map((unusual) => toFinding(context, unusual, tested))) };
    },
  };
}

async function toFinding(context: JobContext, u: Unusual, tested: number): Promise<Finding> {
  const { store, window, nowMs } = context;
  const { baseline } = u;
  const entityKind = baseline.kind === "agent" ? "agent" : "server";
  const entity = entityKind === "agent" ? { agent: baseline.entity, server: "" } : { agent: "", server: baseline.entity };
  const firstHourMs = baseline.since * hourMs;
  const range = { first_hour_ms: firstHourMs, window_start_ms: window.fromMs, window_end_ms: window.toMs, ...entity };
  // A silence is told by the last calls before it.
  const fromMs = u.kind === "silence" ? Math.max(firstHourMs, window.fromMs - 24 * hourMs) : window.fromMs;
  const [calls] = await store.query<{ first: string; latest: string }>(examplesSql, { from_ms: fromMs, to_ms: window.toMs, ...entity });
  return compose(context, {
    detector: u.kind,
    version,
    entityKind,
    entity: baseline.entity,
    ...entity,
    windowStartMs: window.fromMs,
    windowEndMs: window.toMs,
    historyFromMs: firstHourMs,
    severity: "ticket",
    unsure: compared[baseline.level].cold,
    score: u.score,
    unit: "calls",
    actual: u.actual,
    expected: u.expected,
    expectedLow: u.expectedLow,
    expectedHigh: u.expectedHigh,
    sampleSize: baseline.hoursAlike,
    metric: "Calls",
    summary: summarise(u, tested),
    contributors: await readShares(store, contributorsSql, { ...range, actual: u.actual, expected: u.expected }),
    callIds: calls === undefined ? [] : u.kind === "silence" ? [calls.latest] : [calls.first, calls.latest],
    evidence: { sql: evidenceSql, params: { ...range, as_of_ms: nowMs, level: baseline.level } },
  });
}

/** `cold`: a history that is too short to know its days or weekends makes a finding a ticket at most. */
const compared: Readonly<Record<Level, { words: string; cold: boolean }>> = {
  all: { words: "hours before, of any time of day: the history is too short to know its days (cold start)", cold: true },
  hour_of_day: { words: "days at the same hour: the history is too short to know its weekends (cold start)", cold: true },
  hour_and_kind_of_day: { words: "days of the same kind (weekdays or weekends) at the same hour", cold: false },
  hour_of_week: { words: "weeks at the same hour of the week", cold: false },
};

function summarise(u: Unusual, tested: number): string {
  const { baseline } = u;
  const shift = baseline.shift === undefined ? "" : ` Its level shifted on ${new Date(baseline.shift.day * 24 * hourMs).toISOString().slice(0, 10)}, and nothing older counts.`;
  const out = baseline.hoursLeftOut === 0 ? "" : ` ${baseline.hoursLeftOut} hours of known incidents (${baseline.incidents.slice(0, 3).join(", ")}) are left out.`;
  return (
    `${figure(u.actual)} calls in the hour, where ${figure(u.expected)} is the median of ${baseline.hoursAlike} ${compared[baseline.level].words}. ` +
    `That is ${figure(Math.abs(u.z))} deviations, and further out than ever before; chance ${u.p.toExponential(1)}, ` +
    `false discovery rate ${u.q.toExponential(1)} over ${tested} agents and servers.${shift}${out}`
  );
}
