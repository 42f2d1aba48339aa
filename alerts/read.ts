import type { Finding } from "../analytics/findings/finding.ts";
import { readFindings } from "../analytics/findings/read.ts";
import { blastRadiusSchema, type BlastRadius } from "./alert.ts";
import type { CurrentAlert } from "./evaluate.ts";
import { fromCurrentRow, type CurrentRow } from "./events.ts";
import { select, type Store } from "./rows.ts";

/** Which job evaluates for which detector. */
const jobOf: Readonly<Record<Finding["detector"], string>> = {
  denial_spike: "denial-spikes",
  error_spike: "error-spikes",
  latency_drift: "latency-drift",
  unusual_sequence: "unusual-sequences",
  volume: "volume",
  silence: "volume",
  first_use: "first-use",
  retry_storm: "retry-storms",
  scope_escape: "scope-escape",
  taint_flow: "taint-flows",
  sequence_gap: "sequence-gaps",
  late_record: "sequence-gaps",
  duplicate_record: "sequence-gaps",
  unrecorded_calls: "sequence-gaps",
  control_change: "control-changes",
  deprecated_use: "deprecated-servers",
  anchor_failure: "anchor-failures",
};

/** Ends of the windows that each detector has finished, oldest first. A replay's later windows are not known yet. */
export async function evaluatedWindows(store: Store, sinceMs: number, untilMs: number): Promise<Map<string, number[]>> {
  const rows = await select<{ job: string; end_ms: string | number }>(store, "windows", { since_ms: sinceMs, until_ms: untilMs, jobs: Object.values(jobOf) });
  const out = new Map<string, number[]>();
  for (const [detector, job] of Object.entries(jobOf)) {
    out.set(detector, rows.filter((r) => r.job === job).map((r) => Number(r.end_ms)).sort((a, b) => a - b));
  }
  return out;
}

export async function findingsBetween(store: Store, sinceMs: number, untilMs: number): Promise<Finding[]> {
  return readFindings(store, { fromMs: sinceMs, toMs: untilMs });
}

export async function currentAlerts(store: Store, sinceMs: number): Promise<Map<string, CurrentAlert>> {
  const rows = await select<CurrentRow>(store, "current", { since_ms: sinceMs });
  return new Map(rows.map((r) => [r.fingerprint, fromCurrentRow(r)]));
}

export async function firedBefore(store: Store, fingerprints: readonly string[], nowMs: number): Promise<Map<string, number>> {
  if (fingerprints.length === 0) return new Map();
  const rows = await select<{ fingerprint: string; fired: string | number }>(store, "fired-before", { fingerprints: [...fingerprints], now_ms: nowMs });
  return new Map(rows.map((r) => [r.fingerprint, Number(r.fired)]));
}

export async function blastRadius(store: Store, f: Finding): Promise<BlastRadius | null> {
  const [row] = await select<Record<string, string | number>>(store, "reach", {
    from_ms: f.windowStartMs,
    to_ms: f.windowEndMs,
    entity_kind: f.entityKind,
    entity: f.entity,
    server: f.server,
    tool: f.tool,
    agent: f.agent,
    task_class: f.taskClass,
  });
  if (!row) return null;
  const parsed = blastRadiusSchema.safeParse({
    calls: Number(row.calls),
    tasks: Number(row.tasks),
    agents: Number(row.agent_count),
    principals: Number(row.principals),
    servers: Number(row.server_count),
    highRiskCalls: Number(row.high_risk_calls),
    denied: Number(row.denied),
    held: Number(row.held),
    shareOfCalls: Number(row.share_of_calls),
    riskTier: String(row.top_tier ?? ""),
    environment: String(row.some_environment ?? ""),
  });
  return parsed.success ? parsed.data : null;
}
