import { expect } from "vitest";
import type { Finding } from "../../../analytics/index.ts";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { startMigratedEngine } from "../../support/migrated-engine.ts";

export const minute = 60_000;
export const hour = 60 * minute;

export interface TestStore {
  store: Store;
  url: string;
  stop(): Promise<void>;
}

/** A migrated store of its own in a process of its own. */
export async function startTestStore(): Promise<TestStore> {
  const engine = await startMigratedEngine();
  const store = createStoreClient({ url: engine.url, caller: "test" });
  return {
    store,
    url: engine.url,
    async stop() {
      await store.close();
      await engine.stop();
    },
  };
}

/** Empties what jobs read and write. */
export async function clear(store: Store): Promise<void> {
  for (const table of ["calls", "calls_1m", "calls_1h", "calls_1d", "latency_1m", "latency_1h", "latency_1d", "latency_by_agent_1h", "findings", "job_runs", "baselines", "metric_values", "audit_completeness", "incident_events", "alert_events", "registry_servers", "control_events", "first_uses", "argument_values", "argument_places", "argument_flows", "sequence_counts", "sequence_blocks", "sequence_models", "sequence_transitions", "sequence_scores"]) {
    await store.command(`TRUNCATE TABLE ${table}`);
  }
}

export interface SeedCall {
  atMs: number;
  agent: string;
  server: string;
  tool: string;
  taskId?: string;
  taskClass?: string;
  sessionId?: string;
  effect?: string;
  trusted?: boolean;
  denied?: boolean;
  reason?: string;
  policyIds?: string[];
  upstreamMs?: number;
  proxyUs?: number;
  producer?: string;
  seq?: number;
  method?: string;
  /** Columns as they are stored, over everything above. */
  columns?: Record<string, unknown>;
}

/** Inserts rows straight into `calls`; the rollups fill behind them. Each producer's sequence follows the order given. */
export async function insertCalls(store: Store, calls: readonly SeedCall[]): Promise<void> {
  const seqs = new Map<string, number>();
  const rows = calls.map((call) => {
    const producer = call.producer ?? "p1";
    const seq = call.seq ?? (seqs.get(producer) ?? 0) + 1;
    seqs.set(producer, seq);
    return toRow(call, producer, seq);
  });
  for (let i = 0; i < rows.length; i += 5000) await store.insert("calls", rows.slice(i, i + 5000));
}

function toRow(call: SeedCall, producer: string, seq: number): object {
  const denied = call.denied ?? false;
  const upstreamUs = denied ? null : Math.round((call.upstreamMs ?? 5) * 1000);
  return {
    ts: new Date(call.atMs).toISOString(),
    producer,
    seq,
    agent: call.agent,
    method: call.method ?? "tools/call",
    tool: call.tool,
    server: call.server,
    session_id: call.sessionId ?? "",
    task_id: call.taskId ?? "",
    task_class: call.taskClass ?? "",
    effect: call.effect ?? "read",
    trusted: call.trusted ?? true,
    decision: denied ? "deny" : "allow",
    basis: "explicit",
    policy_ids: call.policyIds ?? [denied ? "deny-writes" : "allow-reads"],
    policy_version: "v1",
    reason: call.reason ?? (denied ? "rule" : ""),
    mode: "enforce",
    outcome: denied ? "denied" : "ok",
    duration_us: (upstreamUs ?? 0) + 300,
    proxy_us: call.proxyUs ?? 300,
    upstream_us: upstreamUs,
    ...call.columns,
  };
}

/** Each finding's own SQL must give the two numbers that it shows. */
export async function expectReproduced(store: Store, findings: readonly Finding[]): Promise<void> {
  for (const finding of findings) {
    const [row] = await store.query<{ actual: number; expected: number }>(finding.evidenceSql, finding.evidenceParams);
    expect(row?.actual, finding.title).toBeCloseTo(finding.actual, 9);
    expect(row?.expected, finding.title).toBeCloseTo(finding.expected, 9);
  }
}
