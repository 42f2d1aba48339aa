import { loadSql } from "../../../collector/store/sql-file.ts";
import { compose } from "../../findings/compose.ts";
import type { Finding } from "../../findings/finding.ts";
import { figure } from "../../findings/title.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { readShares } from "../../findings/shares.ts";
import { findUnusualVolumes, type Season, type Unusual, type VolumeSeries, type VolumeThresholds } from "./score.ts";

export interface VolumeConfig extends VolumeThresholds {
  historyMs: number;
  latenessMs: number;
}

const hourMs = 3_600_000;
const version = "1";

const seriesSql = loadSql(new URL("./volume.sql", import.meta.url));
const evidenceSql = loadSql(new URL("./evidence.sql", import.meta.url));
const contributorsSql = loadSql(new URL("./contributors.sql", import.meta.url));
const examplesSql = loadSql(new URL("./examples.sql", import.meta.url));

/** Agents and servers with far more calls than their hour usually has, or with next to none. */
export function volume(config: VolumeConfig): Job {
  return {
    name: "volume",
    cron: "3 * * * *",
    stepMs: hourMs,
    windowMs: hourMs,
    latenessMs: config.latenessMs,
    async run(context) {
      const { store, window } = context;
      const rows = await store.query<{ entity_kind: VolumeSeries["entityKind"]; agent: string; server: string; hours: [age: number, calls: number][] }>(seriesSql, {
        history_from_ms: window.toMs - config.historyMs,
        window_end_ms: window.toMs,
      });
      const series = rows.map((row): VolumeSeries => {
        const hours = new Array<number>(1 + Math.max(...row.hours.map(([age]) => age))).fill(0);
        for (const [age, calls] of row.hours) hours[hours.length - 1 - age] = calls;
        return { entityKind: row.entity_kind, name: row.entity_kind === "agent" ? row.agent : row.server, hours };
      });
      const { found, tested } = findUnusualVolumes(series, window.fromMs, config);
      return { findings: await Promise.all(found.map((unusual) => toFinding(context, unusual, tested))) };
    },
  };
}

async function toFinding(context: JobContext, u: Unusual, tested: number): Promise<Finding> {
  const { store, window } = context;
  const entity = u.series.entityKind === "agent" ? { agent: u.series.name, server: "" } : { agent: "", server: u.series.name };
  const firstHourMs = window.toMs - u.series.hours.length * hourMs;
  const range = { first_hour_ms: firstHourMs, window_start_ms: window.fromMs, window_end_ms: window.toMs, ...entity };
  // A silence is told by the last calls before it.
  const fromMs = u.kind === "silence" ? Math.max(firstHourMs, window.fromMs - 24 * hourMs) : window.fromMs;
  const [calls] = await store.query<{ first: string; latest: string }>(examplesSql, { from_ms: fromMs, to_ms: window.toMs, ...entity });
  return compose(context, {
    detector: u.kind,
    version,
    entityKind: u.series.entityKind,
    entity: u.series.name,
    ...entity,
    windowStartMs: window.fromMs,
    windowEndMs: window.toMs,
    historyFromMs: firstHourMs,
    severity: "ticket",
    unsure: u.season !== "hour_and_day",
    score: u.score,
    unit: "calls",
    actual: u.actual,
    expected: u.expected,
    expectedLow: u.expectedLow,
    expectedHigh: u.expectedHigh,
    sampleSize: u.hoursCompared,
    metric: "Calls",
    summary: summarise(u, tested),
    contributors: await readShares(store, contributorsSql, { ...range, actual: u.actual, expected: u.expected }),
    callIds: calls === undefined ? [] : u.kind === "silence" ? [calls.latest] : [calls.first, calls.latest],
    evidence: { sql: evidenceSql, params: { ...range, season: u.season } },
  });
}

const compared: Readonly<Record<Season, string>> = {
  all: "hours before, of any time of day: the history is too short to know its days (cold start)",
  hour: "days at the same hour: the history is too short to know its weekends (cold start)",
  hour_and_day: "days of the same kind (weekdays or weekends) at the same hour",
};

function summarise(u: Unusual, tested: number): string {
  return (
    `${figure(u.actual)} calls in the hour, where ${figure(u.expected)} is the median of ${u.hoursCompared} ${compared[u.season]}. ` +
    `That is ${figure(Math.abs(u.z))} deviations, and further out than ever before; chance ${u.p.toExponential(1)}, ` +
    `false discovery rate ${u.q.toExponential(1)} over ${tested} agents and servers.`
  );
}
