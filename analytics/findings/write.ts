import type { Store } from "../../collector/store/client.ts";
import { findingSchema, type Finding } from "./finding.ts";

const iso = (ms: number): string => new Date(ms).toISOString();

/** Stores findings. One with an id that is stored already takes its place, so writing twice leaves one. */
export async function writeFindings(store: Store, findings: readonly Finding[]): Promise<void> {
  await store.insert("findings", findings.map((f) => toRow(findingSchema.parse(f))));
}

function toRow(f: Finding): object {
  return {
    finding_id: f.findingId,
    detector: f.detector,
    detector_version: f.detectorVersion,
    detected_at: iso(f.detectedAtMs),
    window_start: iso(f.windowStartMs),
    window_end: iso(f.windowEndMs),
    entity_kind: f.entityKind,
    entity: f.entity,
    server: f.server,
    tool: f.tool,
    agent: f.agent,
    task_class: f.taskClass,
    severity: f.severity,
    score: f.score,
    unit: f.unit,
    actual: f.actual,
    expected: f.expected,
    expected_low: f.expectedLow,
    expected_high: f.expectedHigh,
    sample_size: f.sampleSize,
    title: f.title,
    summary: f.summary,
    contributors: JSON.stringify(f.contributors),
    call_ids: f.callIds,
    evidence_sql: f.evidenceSql,
    evidence_params: JSON.stringify(f.evidenceParams),
    data_health: JSON.stringify(f.dataHealth),
  };
}
