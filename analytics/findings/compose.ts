import type { SqlFile } from "../../collector/store/sql-file.ts";
import type { JobContext } from "../schedule/job.ts";
import { changesText, readChanges } from "./changes.ts";
import { findingId, type Contributor, type Finding } from "./finding.ts";
import { readHealth, severityOf } from "./health.ts";
import { figure, findingTitle, ratio } from "./title.ts";

/** What a job has to say; the rest of a finding follows from it. */
export interface Statement {
  detector: Finding["detector"];
  version: string;
  entityKind: Finding["entityKind"];
  entity: string;
  server?: string;
  tool?: string;
  agent?: string;
  taskClass?: string;
  windowStartMs: number;
  windowEndMs: number;
  /** The stretch that the id stands for, where a later run says the same thing more fully; the window otherwise. */
  identity?: { startMs: number; endMs: number };
  /** From when what is usual was learnt. */
  historyFromMs: number;
  severity: Finding["severity"];
  /** The job's own reason to trust its baseline less, such as a cold start. */
  unsure: boolean;
  score: number;
  unit: string;
  actual: number;
  expected: number;
  expectedLow: number;
  expectedHigh: number;
  sampleSize: number;
  /** The title's first word, such as `Denials`. */
  metric: string;
  summary: string;
  contributors: readonly Contributor[];
  callIds: readonly string[];
  evidence: { sql: SqlFile; params: Record<string, string | number> };
}

/** A whole finding: with its title, the health of the data behind it, and what changed near it. */
export async function compose(context: JobContext, s: Statement): Promise<Finding> {
  const { store, nowMs } = context;
  const { server = "", tool = "", agent = "", taskClass = "" } = s;
  const health = await readHealth(context, { historyFromMs: s.historyFromMs, windowStartMs: s.windowStartMs, windowEndMs: s.windowEndMs }, s.unsure);
  const changes = await readChanges(store, { server, windowStartMs: s.windowStartMs, windowEndMs: s.windowEndMs });
  const { startMs, endMs } = s.identity ?? { startMs: s.windowStartMs, endMs: s.windowEndMs };
  return {
    findingId: findingId(s.detector, s.entityKind, s.entity, startMs, endMs),
    detector: s.detector,
    detectorVersion: s.version,
    detectedAtMs: nowMs,
    windowStartMs: s.windowStartMs,
    windowEndMs: s.windowEndMs,
    entityKind: s.entityKind,
    entity: s.entity,
    server,
    tool,
    agent,
    taskClass,
    severity: severityOf(s.severity, health),
    score: s.score,
    unit: s.unit,
    actual: s.actual,
    expected: s.expected,
    expectedLow: s.expectedLow,
    expectedHigh: s.expectedHigh,
    sampleSize: s.sampleSize,
    title: findingTitle({
      metric: s.metric,
      entity: s.entity,
      actual: figure(s.actual),
      expected: figure(s.expected),
      ratio: ratio(s.actual, s.expected),
      fromMs: s.windowStartMs,
      toMs: s.windowEndMs,
    }),
    summary: (s.summary + changesText(changes)).slice(0, 2000),
    contributors: s.contributors.slice(0, 5),
    callIds: [...new Set(s.callIds)].slice(0, 3),
    evidenceSql: s.evidence.sql.text,
    evidenceParams: s.evidence.params,
    dataHealth: health,
  };
}
