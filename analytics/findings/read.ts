import { loadSql } from "../../collector/store/sql-file.ts";
import type { Store } from "../../collector/store/client.ts";
import { findingSchema, type Finding } from "./finding.ts";

const findingsSql = loadSql(new URL("./findings.sql", import.meta.url));

interface FindingRow extends Record<string, unknown> {
  contributors: string;
  evidence_params: string;
  data_health: string;
}

/** Findings of windows that ended in (fromMs, toMs], newest window first. A row that fits no finding is left out. */
export async function readFindings(store: Store, range: { fromMs: number; toMs: number; detector?: Finding["detector"] }): Promise<Finding[]> {
  const rows = await store.query<FindingRow>(findingsSql, { from_ms: range.fromMs, to_ms: range.toMs, detector: range.detector ?? "" });
  return rows.map(fromRow).filter((finding) => finding !== undefined);
}

function fromRow(row: FindingRow): Finding | undefined {
  const parsed = findingSchema.safeParse({
    findingId: row.finding_id,
    detector: row.detector,
    detectorVersion: row.detector_version,
    detectedAtMs: Number(row.detected_at_ms),
    windowStartMs: Number(row.window_start_ms),
    windowEndMs: Number(row.window_end_ms),
    entityKind: row.entity_kind,
    entity: row.entity,
    server: row.server,
    tool: row.tool,
    agent: row.agent,
    taskClass: row.task_class,
    severity: row.severity,
    score: row.score,
    unit: row.unit,
    actual: row.actual,
    expected: row.expected,
    expectedLow: row.expected_low,
    expectedHigh: row.expected_high,
    sampleSize: row.sample_size,
    title: row.title,
    summary: row.summary,
    contributors: json(row.contributors),
    callIds: row.call_ids,
    evidenceSql: row.evidence_sql,
    evidenceParams: json(row.evidence_params),
    dataHealth: json(row.data_health),
  });
  return parsed.success ? parsed.data : undefined;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
