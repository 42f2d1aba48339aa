import { findingId, writeFindings, computeMetrics, writeMetrics, type Finding } from "../../../analytics/index.ts";
import type { Store } from "../../../collector/store/client.ts";

/** What somebody who controls a server or an agent would like a page to run, hide or turn around. */
export const hostile = '<img src=x onerror="window.pwned=1">\u202egnp.exe\u0007<script>window.pwned=1</script>';

const minute = 60_000;
const iso = (ms: number): string => new Date(ms).toISOString();

export const producer = "proxy-a1b2";

/** A row of `calls` in all its columns. */
export function callRow(seq: number, atMs: number, over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    ts: iso(atMs), producer, seq, trace_id: seq.toString(16).padStart(32, "0"), span_id: seq.toString(16).padStart(16, "0"), parent_span_id: "",
    agent: "triage-bot", principal: "ana@example.com", delegation: [], credential_id: "key-1", client_name: "claude-code", client_version: "2.1.0", client_address: "127.0.0.1",
    protocol_version: "2025-11-25", transport: "tcp", method: "tools/call", rpc_id: String(seq), tool: "search_issues", prompt: "", resource_uri: "", session_id: "",
    task_id: `task-${Math.floor(seq / 12)}`, task_class: "triage", server: "github", server_version: "1.4.0", registry_revision: "r1", owner: "team-dev", risk_tier: "medium",
    data_domains: ["source"], environment: "production", effect: "read", trusted: false, decision: "allow", basis: "explicit", policy_ids: ["allow.triage_reads"], policy_version: "v1",
    reason: "rule", mode: "enforce", would_be: "", outcome: "ok", error_type: "", rpc_code: "", http_status: 200, upstream_status: 200, request_bytes: 240, result_bytes: 1800,
    result_digest: "", arg_paths: ["/query"], arg_digests: ["d1"], arg_flow_from: [0], arg_flow_scores: [0], handling: "pass", handling_findings: [], approval_id: "", exception_id: "",
    duration_us: 42_000, proxy_us: 850, upstream_us: 40_500, ...over,
  };
}

const denied = { decision: "deny", policy_ids: ["deny.external_repo"], outcome: "denied", error_type: "denied", http_status: 200, upstream_status: 0, upstream_us: null, result_bytes: 120, duration_us: 1_150, proxy_us: 900 };

/** Six hours of three agents, a spike of refusals at their end, and what was said about it. Returns what tests point at. */
export async function seed(store: Store, nowMs: number): Promise<{ deniedCall: string; hostileCall: string; finding: Finding }> {
  const startMs = nowMs - 6 * 60 * minute;
  const rows: Record<string, unknown>[] = [];
  let seq = 0;
  for (let t = startMs; t < nowMs - minute; t += 20_000) {
    const wave = 1 + Math.sin(((t - startMs) / (60 * minute)) * 1.7);
    for (let k = 0; k < 1 + Math.round(wave); k++) rows.push(callRow(++seq, t + k * 700, variant(seq)));
  }
  for (let t = nowMs - 14 * minute; t < nowMs - 2 * minute; t += 4_000) rows.push(callRow(++seq, t, { ...denied, tool: "create_issue", effect: "write" }));
  const deniedSeq = seq;
  rows.push(callRow(++seq, nowMs - 90_000, { agent: hostile, tool: hostile, server: "tickets", task_id: hostile, policy_ids: [], basis: "default", decision: "deny", reason: "no_rule", outcome: "denied", upstream_us: null, arg_paths: ["/body"], arg_flow_from: [deniedSeq], arg_flow_scores: [0.93] }));
  // A stable token a batch, as the collector sends.
  for (let i = 0; i < rows.length; i += 2_000) await store.insert("calls", rows.slice(i, i + 2_000));

  const rules = [
    { id: "allow.triage_reads", effect: "allow", description: "Triage may read issues.", match: { agents: ["triage-bot"], servers: ["github"], effects: ["read"] }, when: "" },
    { id: "deny.external_repo", effect: "deny", description: "Nobody writes to repositories outside of the organisation.", match: { tools: ["create_issue"] }, when: '!args.repo.startsWith("acme/")', message: "only repositories of acme" },
  ];
  await store.insert("policy_versions", [{ version: "v1", published_at: iso(startMs), rules: JSON.stringify(rules) }]);
  const server = { revision: "r1", published_at: iso(startMs), version: "1.4.0", owner: "team-dev", contact: "#dev", risk_tier: "medium", data_domains: ["source"], lifecycle: "approved", environments: ["production"], task_classes: [], transport: "streamable-http" };
  await store.insert("registry_servers", [{ ...server, server: "github" }, { ...server, server: "payments", owner: "", risk_tier: "high" }, { ...server, server: "tickets", owner: "team-support", risk_tier: "" }]);

  const window = { fromMs: Math.floor((nowMs - 15 * minute) / minute) * minute, toMs: Math.floor((nowMs - 2 * minute) / minute) * minute };
  const finding = spike(window, nowMs, [`${producer}-${deniedSeq}`]);
  const quiet: Finding = { ...finding, findingId: findingId("latency_drift", "tool", "github/search_issues", window.fromMs - 3_600_000, window.toMs - 3_600_000), detector: "latency_drift", windowStartMs: window.fromMs - 3_600_000, windowEndMs: window.toMs - 3_600_000, severity: "ticket", entity: "github/search_issues", tool: "search_issues", unit: "ms", actual: 182.4, expected: 44.1, expectedLow: 30, expectedHigh: 70, score: 4.2, title: "Upstream p95 on github/search_issues: 182 ms vs 44 ms expected (4.1x)" };
  await writeFindings(store, [finding, quiet]);
  await store.insert("job_runs", ["denial-spikes", "latency-drift", "unusual-sequences", "sequence-gaps"].map((job) => ({ job, run_id: `${job}-1`, window_start: iso(window.fromMs), window_end: iso(window.toMs), started_at: iso(nowMs - 60_000), finished_at: iso(nowMs - 59_000), status: "ok", error: "", findings: job === "denial-spikes" ? 1 : 0, rows_read: 1000, bytes_read: 10_000, duration_ms: 120 })));
  const day = 24 * 3_600_000;
  for (const back of [7, 6, 5, 4, 3, 2, 1, 0]) await writeMetrics(store, await computeMetrics(store, { fromMs: nowMs - 7 * day - back * 600_000, toMs: nowMs - back * 600_000 }, nowMs));
  return { deniedCall: `${producer}-${deniedSeq}`, hostileCall: `${producer}-${seq}`, finding };
}

function variant(seq: number): Record<string, unknown> {
  const noise = ((seq * 2654435761) % 1000) / 1000;
  const time = { upstream_us: Math.round(22_000 + 60_000 * noise ** 4), proxy_us: Math.round(600 + 700 * noise) };
  const total = { duration_us: time.upstream_us + time.proxy_us + 300 };
  if (seq % 41 === 0) return { ...denied, tool: "create_issue", effect: "write" };
  if (seq % 29 === 0) return { ...time, ...total, agent: "refund-agent", principal: "refund@example.com", task_class: "refund", server: "payments", tool: "refund", effect: "destructive", risk_tier: "high", owner: "", decision: "hold", outcome: "held", policy_ids: ["hold.refunds"], upstream_us: null };
  if (seq % 23 === 0) return { ...time, ...total, agent: "refund-agent", principal: "refund@example.com", task_class: "refund", server: "payments", tool: "refund", effect: "destructive", risk_tier: "high", owner: "", basis: seq % 2 ? "exception" : "explicit", exception_id: seq % 2 ? "exc-14" : "", policy_ids: ["allow.refunds"] };
  if (seq % 11 === 0) return { ...time, ...total, agent: "support-bot", principal: "support@example.com", task_class: "support", server: "tickets", tool: "read_ticket", risk_tier: "", owner: "team-support", outcome: seq % 3 ? "ok" : "tool_error", policy_ids: ["allow.support"] };
  if (seq % 7 === 0) return { ...time, ...total, method: "tools/list", tool: "", effect: "", policy_ids: ["builtin.discovery"] };
  return { ...time, ...total };
}

export function spike(window: { fromMs: number; toMs: number }, nowMs: number, callIds: string[], over: Partial<Finding> = {}): Finding {
  return {
    findingId: findingId("denial_spike", "tool", "github/create_issue", window.fromMs, window.toMs), detector: "denial_spike", detectorVersion: "1", detectedAtMs: nowMs, windowStartMs: window.fromMs, windowEndMs: window.toMs,
    entityKind: "tool", entity: "github/create_issue", server: "github", tool: "create_issue", agent: "", taskClass: "", severity: "page", score: 9.4, unit: "denials", actual: 180, expected: 8.2, expectedLow: 2, expectedHigh: 15, sampleSize: 186,
    title: "Denials on github/create_issue: 180 vs 8 expected (22x, the last 13 min)", summary: "Refusals by deny.external_repo rose at once; one agent makes nearly all of them.",
    contributors: [
      { dimension: "agent", value: "triage-bot", windowShare: 0.97, baselineShare: 0.31, excessShare: 0.99 },
      { dimension: "rule", value: "deny.external_repo", windowShare: 0.99, baselineShare: 0.42, excessShare: 0.98 },
      { dimension: "task", value: hostile, windowShare: 0.12, baselineShare: 0, excessShare: 0.12 },
    ],
    callIds, evidenceSql: "SELECT countIf(decision = 'deny') AS actual, {expected:Float64} AS expected\nFROM calls\nWHERE server = {server:String} AND tool = {tool:String}\n    AND ts >= fromUnixTimestamp64Milli({from_ms:Int64}) AND ts < fromUnixTimestamp64Milli({to_ms:Int64})",
    evidenceParams: { server: "github", tool: "create_issue", expected: 8.2, from_ms: window.fromMs, to_ms: window.toMs },
    dataHealth: { rowsInWindow: 186, baselineRows: 4200, missingBuckets: 0, ingestLagMs: 4000, degraded: false }, ...over,
  };
}
