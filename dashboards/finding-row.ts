import { findingSchema, type Finding } from "../analytics/findings/finding.ts";

export interface FindingRow extends Record<string, unknown> {
  contributors: string;
  evidence_params: string;
  data_health: string;
}

/** Null for a row that does not fit: one bad row must not take the page away. */
export function fromFindingRow(r: FindingRow): Finding | null {
  try {
    const parsed = findingSchema.safeParse({
      findingId: r.finding_id,
      detector: r.detector,
      detectorVersion: r.detector_version,
      detectedAtMs: Number(r.detected_at_ms),
      windowStartMs: Number(r.window_start_ms),
      windowEndMs: Number(r.window_end_ms),
      entityKind: r.entity_kind,
      entity: r.entity,
      server: r.server,
      tool: r.tool,
      agent: r.agent,
      taskClass: r.task_class,
      severity: r.severity,
      score: Number(r.score),
      unit: r.unit,
      actual: Number(r.actual),
      expected: Number(r.expected),
      expectedLow: Number(r.expected_low),
      expectedHigh: Number(r.expected_high),
      sampleSize: Number(r.sample_size),
      title: r.title,
      summary: r.summary,
      contributors: JSON.parse(r.contributors || "[]"),
      callIds: r.call_ids,
      evidenceSql: r.evidence_sql,
      evidenceParams: JSON.parse(r.evidence_params || "{}"),
      dataHealth: JSON.parse(r.data_health || "{}"),
    });
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
