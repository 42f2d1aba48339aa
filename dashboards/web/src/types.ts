/** What the console's API answers with: only what the pages use. */
export interface Range { fromMs: number; toMs: number }

export interface CallItem {
  id: string; atUs: number; agent: string; principal: string; server: string; tool: string; method: string; effect: string; tier: string;
  task: string; taskClass: string; decision: string; basis: string; rules: string[]; reason: string; mode: string; wouldBe: string; attempts: number;
  outcome: string; errorType: string; durationUs: number; proxyUs: number; upstreamUs: number | null; resultBytes: number; handling: string;
}

export interface Metric {
  id: string; title: string; unit: "percent" | "minutes"; better: "up" | "down"; target: number; definition: string; value: number | null;
  numerator: number; denominator: number; periodStartMs: number | null; periodEndMs: number | null; version: string; history: number[];
}

export interface Contributor { dimension: string; value: string; windowShare: number; baselineShare: number; excessShare: number }
export interface DataHealth { rowsInWindow: number; baselineRows: number; missingBuckets: number; ingestLagMs: number; degraded: boolean }

export interface Alert {
  alertId: string; ruleId: string; ruleVersion: number; ruleTitle: string; severity: string; title: string; summary: string; owner: string;
  window: { startMs: number; endMs: number };
  change: { actual: number; expected: number; expectedLow: number; expectedHigh: number; delta: number; ratio: number | null; unit: string; score: number; sampleSize: number };
  blastRadius: { calls: number; tasks: number; agents: number; principals: number; servers: number; highRiskCalls: number; denied: number; held: number; shareOfCalls: number; riskTier: string; environment: string } | null;
  contributors: Contributor[]; dataHealth: DataHealth; evidence: { sql: string; params: Record<string, string | number>; callIds: string[] };
  firedBefore: number; findingId: string; runbook: string; investigationGuide: string; falsePositives: string[]; links: { alert: string; investigate: string };
}

export interface AlertItem {
  id: string; ruleId: string; state: string; severity: string; title: string; labels: Record<string, string>; actor: string; reason: string;
  startsAtMs: number; updatedAtMs: number; endsAtMs: number | null; silencedUntilMs: number | null; alert: Alert | null;
}

export interface AlertDetail extends AlertItem {
  silenceMinutes: number[];
  history: { atMs: number; state: string; previousState: string; actor: string; reason: string }[];
  notifications: { id: string; atMs: number; status: string; attempt: number; receiver: string; type: string; httpStatus: number; error: string }[];
}

export interface Finding {
  findingId: string; detector: string; detectorVersion: string; detectedAtMs: number; windowStartMs: number; windowEndMs: number; entityKind: string; entity: string;
  server: string; tool: string; agent: string; taskClass: string; severity: string; score: number; unit: string; actual: number; expected: number;
  expectedLow: number; expectedHigh: number; sampleSize: number; title: string; summary: string; contributors: Contributor[]; callIds: string[];
  evidenceSql: string; evidenceParams: Record<string, string | number>; dataHealth: DataHealth;
}

export interface Overview {
  range: Range; stepSeconds: number; series: [number, number, number, number, number][];
  totals: Totals; previous: Totals; latencyUs: { proxy: number[]; upstream: number[] };
  topDenied: { agent: string; server: string; tool: string; denied: number; total: number }[]; alerts: AlertItem[]; metrics: Metric[];
}
export interface Totals { total: number; denied: number; held: number; failed: number; agents: number; servers: number }

export interface Health {
  status: string; nowMs: number; newestCallMs?: number | null; missingRecords?: number;
  producers?: { producer: string; newestMs: number; records: number; missing: number }[];
  jobs?: { job: string; status: string; error: string; lastMs: number; runs: number; failures: number; findings: number }[];
  notifications?: { delivered: number; waiting: number; dead: number };
}

export interface Explanation {
  callId: string; atMs: number; call: Record<string, unknown>; words: string[];
  decision: { decision: string; basis: string; reason: string; mode: string; wouldBe: string; policyVersion: string; policyPublishedMs: number | null; rules: { id: string; effect: string; description: string; text: string }[] };
  registry: { revision: string; known: boolean; entry: Record<string, unknown> | null };
  timing: { totalUs: number; proxyUs: number; upstreamUs: number | null; otherUs: number };
  chain: { producer: string; seq: number; hash: string; prevHash: string; previousSeq: number | null; nextSeq: number | null; complete: boolean };
  task: { callId: string; atMs: number; server: string; tool: string; method: string; decision: string; attempts: number; outcome: string; durationUs: number }[];
}

export interface ReportMetric {
  id: string; title: string; unit: "percent" | "minutes"; better: "up" | "down"; value: number | null; numerator: number; denominator: number; target: number;
  status: string; previous: number | null; previousDenominator: number; history: { endMs: number; value: number; denominator: number }[]; definition: string;
  definitionVersion: string; sqlSha256: string; offendersTitle: string; action: string;
  offenders: { name: string; detail: string; owner: string; link: string }[]; moreOffenders: number;
}
export interface Report {
  id: string; title: string; from: string; to: string; timeZone: string; period: string; asOf: string; metrics: ReportMetric[]; changes: string[];
  incidents: { opened: number; open: number; resolved: number }; coverage: { calls: number; missingRecords: number; newestCall: string };
}
