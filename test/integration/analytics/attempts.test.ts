import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Store } from "../../../collector/store/client.ts";
import { loadSql, placeholders, type SqlParams } from "../../../collector/store/sql-file.ts";
import { randomFrom } from "../../support/random.ts";
import { clear, insertCalls, minute, startTestStore, type SeedCall, type TestStore } from "./seed.ts";

const nowMs = Math.floor(Date.now() / (5 * minute)) * 5 * minute;
const fromMs = nowMs - 60 * minute;

/** Every query that counts calls which may be denied, and what in its answer is about single records. */
const queries: Readonly<Record<string, readonly string[]>> = {
  "alerts/queries/reach": [],
  "analytics/baseline/hours": [],
  "analytics/baseline/pair-hours": [],
  "analytics/findings/health": [],
  "analytics/jobs/control-changes/deprecated": ["first_call", "last_call"],
  "analytics/jobs/denial-spikes/contributors": [],
  "analytics/jobs/denial-spikes/denial-spikes": [],
  "analytics/jobs/denial-spikes/evidence": [],
  "analytics/jobs/retry-storms/retry-storms": ["first", "worst", "latest"],
  "analytics/jobs/volume/contributors": [],
  "analytics/jobs/volume/evidence": [],
  "analytics/jobs/volume/volume": [],
  "analytics/metrics/explicit-policy-coverage": [],
  "analytics/metrics/owner-and-tier": [],
  "dashboards/queries/facets": [],
  "dashboards/queries/offenders-default": [],
  "dashboards/queries/offenders-exceptions": [],
  "dashboards/queries/offenders-owner": [],
  "dashboards/queries/series": [],
  "dashboards/queries/top-denied": [],
  "dashboards/queries/totals": [],
  "dashboards/queries/samples/01-denied-by-rule": ["latest"],
  "dashboards/queries/samples/05-first-seen": [],
  "proxy/policy/simulate/left-out": [],
  "proxy/policy/simulate/recorded-calls": ["example"],
  "proxy/policy/suggest/uncovered-calls": ["first", "last"],
  "proxy/registry/inventory/unknown-servers": ["last_seen_ms"],
};

const params: SqlParams = {
  from_ms: fromMs, to_ms: nowMs, since_ms: fromMs, step_s: 300, history_from_ms: fromMs, history_to_ms: nowMs - 20 * minute, span_start_ms: nowMs - 15 * minute, window_start_ms: fromMs,
  window_end_ms: nowMs, period_start_ms: fromMs, period_end_ms: nowMs, as_of_ms: nowMs, from: new Date(fromMs).toISOString().slice(0, -1), to: new Date(nowMs).toISOString().slice(0, -1),
  newest: 3, max_rows: 1000, by_time: false, by_task: false, by_flow: false, agent: "a", server: "", tool: "", task_class: "", entity_kind: "", entity: "",
  first_hour_ms: fromMs, level: "all", actual: 100, expected: 10, span_from_ms: nowMs - 30 * minute, min_times: 3, most: 100,
  kinds: ["all", "server", "tool", "agent", "task_class", "agent_server", "agent_tool", "task_class_tool"], slices: Array.from({ length: 12 }, (_, i) => i), latency: false,
  oldest_ms: fromMs, agents: ["a", ""], servers: ["", "s"], tools: ["", "t"], histories_from_ms: [fromMs, fromMs], span_starts_ms: [nowMs - 15 * minute, nowMs - 15 * minute],
};

/** Work of two agents; a share of it is denied, for reasons of several kinds. Each call with how often it was attempted. */
function traffic(seed: number): { call: SeedCall; attempts: number }[] {
  const next = randomFrom(seed);
  const pick = <T>(...values: T[]): T => values[Math.floor(next() * values.length)]!;
  return Array.from({ length: 300 }, (_, i) => {
    const denied = next() < 0.4;
    const [reason, columns] = pick<[string, Record<string, unknown>]>(
      ["rule", {}],
      ["no_rule", { basis: "default", policy_ids: [] }],
      ["unknown_server", { basis: "default", policy_ids: [] }],
      ["rate_limited", { basis: "exception", exception_id: "ex-1", risk_tier: "high" }],
    );
    const call: SeedCall = { atMs: fromMs + Math.floor((i / 300) * 60 * minute), agent: pick("a", "b"), server: pick("s", "old"), tool: pick("t", "u"), taskId: `t-${i % 7}`, denied, ...(denied ? { reason, columns } : {}) };
    return { call, attempts: denied ? pick(1, 1, 3, 40) : 1 };
  });
}

async function answers(store: Store): Promise<Record<string, unknown>> {
  const out: Record<string, unknown> = {};
  for (const [name, left] of Object.entries(queries)) {
    const sql = loadSql(new URL(`../../../${name}.sql`, import.meta.url));
    const given = Object.fromEntries([...placeholders(name, sql.text).keys()].map((key) => [key, params[key]]));
    const rows = await store.query<Record<string, unknown>>(sql, given as SqlParams);
    const kept = rows.map((row) => Object.fromEntries(Object.entries(row).filter(([column]) => !left.includes(column))));
    // Not every question has an order, and a union's parts come as they are ready.
    out[name] = kept.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  return out;
}

describe("calls", () => {
  let engine: TestStore;
  beforeAll(async () => void (engine = await startTestStore()));
  afterAll(() => engine.stop());

  it.each([1, 2])("are counted alike, each in a record of its own or many in one (seed %i)", async (seed) => {
    const { store } = engine;
    const plan = traffic(seed);
    const count = async (calls: SeedCall[]) => {
      await clear(store);
      await store.insert("registry_servers", [{ revision: "r1", published_at: new Date(fromMs).toISOString(), server: "old", owner: "", risk_tier: "", lifecycle: "deprecated" }]);
      await insertCalls(store, calls);
      return answers(store);
    };
    const apart = await count(plan.flatMap(({ call, attempts }) => Array.from({ length: attempts }, () => call)));
    const together = await count(plan.map(({ call, attempts }) => ({ ...call, columns: { ...call.columns, attempts } })));
    for (const name of Object.keys(queries)) expect(together[name], name).toEqual(apart[name]);
    expect(Object.entries(apart).filter(([, rows]) => (rows as unknown[]).length === 0)).toEqual([]);
    const [uses] = await store.query<{ uses: string }>("SELECT uses FROM exception_uses");
    expect(Number(uses?.uses)).toBe(plan.reduce((sum, { call, attempts }) => sum + (call.columns?.exception_id ? attempts : 0), 0));
  });
});
