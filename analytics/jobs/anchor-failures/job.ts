import { loadSql } from "../../../collector/store/sql-file.ts";
import { findingId, type Finding } from "../../findings/finding.ts";
import { readHealth } from "../../findings/health.ts";
import { figure, findingTitle } from "../../findings/title.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { describeStalled, type StalledAnchor } from "./score.ts";

export interface AnchorFailuresConfig {
  latenessMs: number;
  failingForMs: number;
  lookBackMs: number;
}

const stepMs = 900_000;
const detector = "anchor_failure";

const anchorsSql = loadSql(new URL("./anchor-failures.sql", import.meta.url));

/** Anchors that have taken no checkpoint for long: the copies that would contradict a forged history are not made. */
export function anchorFailures(config: AnchorFailuresConfig): Job {
  return {
    name: "anchor-failures",
    cron: "*/15 * * * *",
    stepMs,
    windowMs: stepMs,
    latenessMs: config.latenessMs,
    async run(context) {
      type Row = { anchor: string; since_ms: string; last_error: string } & Record<"actual" | "failures" | "behind" | "skipped", number>;
      const rows = await context.store.query<Row>(anchorsSql, paramsOf(context, config, ""));
      const stalled = rows.map(({ anchor, actual, since_ms, failures, behind, skipped, last_error }): StalledAnchor => ({ anchor, minutes: actual, sinceMs: Number(since_ms), failures, behind, skipped, lastError: last_error }));
      return { findings: await Promise.all(stalled.map((one) => toFinding(context, config, one))) };
    },
  };
}

function paramsOf({ window }: JobContext, { lookBackMs, failingForMs }: AnchorFailuresConfig, anchor: string) {
  return { look_back_from_ms: window.toMs - lookBackMs, window_start_ms: window.fromMs, window_end_ms: window.toMs, failing_for_ms: failingForMs, anchor };
}

async function toFinding(context: JobContext, config: AnchorFailuresConfig, stalled: StalledAnchor): Promise<Finding> {
  const { window, nowMs } = context;
  const { anchor, minutes } = stalled;
  const params = paramsOf(context, config, anchor);
  return {
    findingId: findingId(detector, "control", anchor, window.fromMs, window.toMs),
    detector,
    detectorVersion: "1",
    detectedAtMs: nowMs,
    windowStartMs: window.fromMs,
    windowEndMs: window.toMs,
    entityKind: "control",
    entity: anchor,
    server: "",
    tool: "",
    agent: "",
    taskClass: "",
    severity: "ticket",
    score: minutes,
    unit: "minutes",
    actual: minutes,
    expected: 0,
    expectedLow: 0,
    expectedHigh: 0,
    sampleSize: Math.round(stalled.behind),
    title: findingTitle({ metric: "Minutes without a checkpoint", entity: anchor, actual: figure(minutes), expected: "0", ratio: `${figure(stalled.behind)} wait`, fromMs: window.fromMs, toMs: window.toMs }),
    summary: describeStalled(stalled, params.look_back_from_ms).slice(0, 2000),
    contributors: [],
    callIds: [],
    evidenceSql: anchorsSql.text,
    evidenceParams: params,
    dataHealth: await readHealth(context, { historyFromMs: window.fromMs, windowStartMs: window.fromMs, windowEndMs: window.toMs }, false),
  };
}
