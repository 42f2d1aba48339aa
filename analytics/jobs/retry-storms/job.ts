import { loadSql } from "../../../collector/store/sql-file.ts";
import { compose } from "../../findings/compose.ts";
import type { Finding } from "../../findings/finding.ts";
import { readShares } from "../../findings/shares.ts";
import { figure } from "../../findings/title.ts";
import { groupAlike, ofWork, type WorkRow } from "../../findings/work.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { judgeRepeats, type Repeats, type RetryThresholds } from "./score.ts";

export interface RetryStormsConfig extends RetryThresholds {
  historyMs: number;
  spanMs: number;
  latenessMs: number;
}

const stepMs = 300_000;
const version = "1";
/** Repeated calls looked at in one window, and findings made of them. */
const most = 200;
const mostFindings = 20;

const stormsSql = loadSql(new URL("./retry-storms.sql", import.meta.url));
const evidenceSql = loadSql(new URL("./evidence.sql", import.meta.url));
const contributorsSql = loadSql(new URL("./contributors.sql", import.meta.url));

interface StormRow extends WorkRow {
  server: string;
  tool: string;
  arguments: string;
  actual: number;
  acted: number;
  first_ms: string;
  first: string;
  worst: string;
  latest: string;
}

/** Pieces of work that make the very same call again and again, beyond what their class does. */
export function retryStorms(config: RetryStormsConfig): Job {
  return {
    name: "retry-storms",
    cron: "*/5 * * * *",
    stepMs,
    windowMs: stepMs,
    latenessMs: config.latenessMs,
    async run(context) {
      const { store, window, logger } = context;
      const spanFromMs = window.toMs - config.spanMs;
      const rows = await store.query<StormRow>(stormsSql, { span_from_ms: spanFromMs, window_start_ms: window.fromMs, window_end_ms: window.toMs, min_times: config.minTimes, most });
      const alike = groupAlike(rows, (row) => JSON.stringify([row.class, row.server, row.tool]));
      if (alike.length > mostFindings) logger.warn({ storms: alike.length, kept: mostFindings }, "many retry storms at once");
      const found = await Promise.all(alike.slice(0, mostFindings).map((row) => toFinding(context, config, row, spanFromMs)));
      return { findings: found.filter((finding) => finding !== undefined) };
    },
  };
}

async function toFinding(context: JobContext, config: RetryStormsConfig, row: StormRow & { alike: number }, spanFromMs: number): Promise<Finding | undefined> {
  const { store, window } = context;
  const { unit, server, tool } = row;
  const historyFromMs = spanFromMs - config.historyMs;
  const params = { history_from_ms: historyFromMs, span_from_ms: spanFromMs, window_end_ms: window.toMs, unit, class: row.class, server, tool, arguments: row.arguments };
  const [repeats] = await store.query<Repeats>(evidenceSql, params);
  const judged = repeats && judgeRepeats(repeats, config);
  if (!judged) return undefined;
  const { actual, expected, expected_high: high, units } = repeats;
  const minutes = Math.max(1, Math.round((window.toMs - Number(row.first_ms)) / 60_000));
  return compose(context, {
    detector: "retry_storm",
    version,
    ...ofWork(row),
    server,
    tool,
    windowStartMs: window.fromMs,
    windowEndMs: window.toMs,
    historyFromMs,
    // What is refused or only reads costs time; what changes something again and again does harm.
    severity: row.acted >= config.minTimes ? "page" : "ticket",
    unsure: judged.coldStart,
    score: judged.score,
    unit: "repeats of one call",
    actual,
    expected,
    expectedLow: 1,
    expectedHigh: high,
    sampleSize: units,
    metric: "Repeats",
    summary:
      `The same call of ${server}/${tool}, with the same arguments, was made ${figure(actual)} times in ${minutes} minutes; ${figure(row.acted)} of them changed something. ` +
      `${units} pieces of work of this class repeat a call of this tool ${figure(expected)} times in the mean, 99% of them at most ${figure(high)} times.` +
      (row.alike > 0 ? ` ${row.alike} more repeated calls of this class and tool.` : "") +
      (judged.coldStart ? " The class is hardly known: cold start." : ""),
    contributors: await readShares(store, contributorsSql, { ...params, actual, expected }),
    callIds: [row.first, row.worst, row.latest],
    evidence: { sql: evidenceSql, params },
  });
}
