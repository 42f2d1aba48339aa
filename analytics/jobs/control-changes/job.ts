import { loadSql } from "../../../collector/store/sql-file.ts";
import { findingId, type Finding } from "../../findings/finding.ts";
import { readHealth } from "../../findings/health.ts";
import { figure, findingTitle } from "../../findings/title.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { noticeOf, type Notice } from "./score.ts";

const minutes = 60_000;
const days = 24 * 60 * minutes;

const changesSql = loadSql(new URL("./control-changes.sql", import.meta.url));
const deprecatedSql = loadSql(new URL("./deprecated.sql", import.meta.url));

/** What people should know of the control plane itself: files that were refused, tools that changed, break-glass, stops. */
export function controlChanges(config: { latenessMs: number }): Job {
  return {
    name: "control-changes",
    cron: "* * * * *",
    stepMs: minutes,
    windowMs: minutes,
    latenessMs: config.latenessMs,
    async run(context) {
      const rows = await context.store.query<{ kind: string; subject: string; actual: number; by: string; event: string }>(changesSql, { ...windowOf(context), kind: "", subject: "" });
      const findings = rows.flatMap((row) => {
        const notice = noticeOf({ kind: row.kind, subject: row.subject, times: row.actual, by: row.by, event: JSON.parse(row.event) as Record<string, unknown> });
        const evidence = { sql: changesSql.text, params: { ...windowOf(context), kind: row.kind, subject: row.subject } };
        return notice ? [toFinding(context, "control_change", notice, row.actual, "events", [], evidence)] : [];
      });
      return { findings: await Promise.all(findings) };
    },
  };
}

/** Deprecated servers that are still called: their owners hear of it once a day, with the callers' names. */
export function deprecatedServers(config: { latenessMs: number }): Job {
  return {
    name: "deprecated-servers",
    cron: "10 * * * *",
    stepMs: days,
    windowMs: days,
    latenessMs: config.latenessMs,
    async run(context) {
      const rows = await context.store.query<{ server: string; owner: string; actual: number; agents: string[]; first_call: string; last_call: string }>(deprecatedSql, {
        ...windowOf(context),
        server: "",
      });
      const findings = rows.map((row) => {
        const notice: Notice = {
          severity: "ticket",
          metric: "Calls",
          entityKind: "server",
          entity: row.server,
          server: row.server,
          tool: "",
          agent: "",
          summary: `The deprecated server ${row.server}${row.owner === "" ? "" : ` of ${row.owner}`} is still called, most by ${row.agents.join(", ")}.`,
        };
        const evidence = { sql: deprecatedSql.text, params: { ...windowOf(context), server: row.server } };
        return toFinding(context, "deprecated_use", notice, row.actual, "calls", [...new Set([row.first_call, row.last_call])], evidence);
      });
      return { findings: await Promise.all(findings) };
    },
  };
}

const windowOf = ({ window }: JobContext) => ({ window_start_ms: window.fromMs, window_end_ms: window.toMs });

async function toFinding(
  context: JobContext,
  detector: Finding["detector"],
  notice: Notice,
  actual: number,
  unit: string,
  callIds: string[],
  evidence: { sql: string; params: Record<string, string | number> },
): Promise<Finding> {
  const { window, nowMs } = context;
  const { severity, metric, entityKind, entity, server, tool, agent, summary } = notice;
  const title = findingTitle({ metric, entity, actual: figure(actual), expected: "0", ratio: "new", fromMs: window.fromMs, toMs: window.toMs });
  return {
    findingId: findingId(detector, entityKind, entity, window.fromMs, window.toMs),
    detector,
    detectorVersion: "1",
    detectedAtMs: nowMs,
    windowStartMs: window.fromMs,
    windowEndMs: window.toMs,
    entityKind,
    entity,
    server,
    tool,
    agent,
    taskClass: "",
    severity,
    score: actual,
    unit,
    actual,
    expected: 0,
    expectedLow: 0,
    expectedHigh: 0,
    sampleSize: actual,
    title,
    summary: summary.slice(0, 2000),
    contributors: [],
    callIds,
    evidenceSql: evidence.sql,
    evidenceParams: evidence.params,
    dataHealth: await readHealth(context, { historyFromMs: window.fromMs, windowStartMs: window.fromMs, windowEndMs: window.toMs }, false),
  };
}
