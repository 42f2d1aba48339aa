import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { explainCall } from "../explain.ts";
import { newestFirst, readRange, type Range } from "../range.ts";
import { num, select, type Store } from "../rows.ts";
import type { SqlParams } from "../../collector/store/sql-file.ts";
import type { RouteContext } from "./context.ts";

export const callFilters = ["agent", "principal", "server", "tool", "method", "decision", "basis", "outcome", "rule", "task", "task_class", "tier"] as const;

const word = z.string().max(300).default("");
const querySchema = z.object({
  ...(Object.fromEntries(callFilters.map((f) => [f, word])) as Record<(typeof callFilters)[number], typeof word>),
  /** `<microseconds>.<call id>` of the last row of the page before. */
  cursor: z.string().regex(/^\d{1,17}\..{1,300}$/).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

/** Keyset pages, newest first: a page stays the same page while new calls arrive above it. */
export function callRoutes(app: FastifyInstance, context: RouteContext): void {
  const { readOnlyStore: store, clock } = context;

  app.get("/api/calls", async (request) => {
    const range = readRange(request.query, clock.nowMs());
    const q = querySchema.parse(request.query);
    const dot = q.cursor?.indexOf(".") ?? -1;
    const filters = Object.fromEntries(callFilters.map((f) => [f, q[f]]));
    const cursorUs = q.cursor ? Number(q.cursor.slice(0, dot)) : 0;
    const rows = await newestCalls(store, range, { ...filters, cursor_us: cursorUs, cursor_id: q.cursor ? q.cursor.slice(dot + 1) : "" }, q.limit + 1);
    const page = rows.slice(0, q.limit);
    const last = page.at(-1);
    return { range, calls: page.map(callListItem), cursor: rows.length > q.limit && last ? `${num(last.ts_us)}.${String(last.call_id)}` : null };
  });

  app.get("/api/facets", async (request) => {
    const range = readRange(request.query, clock.nowMs());
    const rows = await select<{ dimension: string; value: string; total: unknown }>(store, "facets", { from_ms: range.fromMs, to_ms: range.toMs });
    const facets: Record<string, { value: string; total: number }[]> = {};
    for (const r of rows) (facets[r.dimension] ??= []).push({ value: r.value, total: num(r.total) });
    return { range, facets };
  });

  app.get<{ Params: { id: string } }>("/api/calls/:id", async (request) => explainCall(store, request.params.id));
}

/** At most `limit` calls, newest first, of as short a stretch before the range's end or the cursor as holds them. */
export async function newestCalls(store: Store, range: Range, filters: SqlParams, limit: number): Promise<Record<string, unknown>[]> {
  const cursorMs = Math.floor(num(filters.cursor_us) / 1000) + 1;
  const asked = { fromMs: range.fromMs, toMs: num(filters.cursor_us) === 0 ? range.toMs : Math.min(range.toMs, cursorMs) };
  const rows: Record<string, unknown>[] = [];
  for (const { fromMs, toMs } of newestFirst(asked)) {
    rows.push(...(await select<Record<string, unknown>>(store, "calls", { ...filters, from_ms: fromMs, to_ms: toMs, limit: limit - rows.length })));
    if (rows.length >= limit) break;
  }
  return rows;
}

function callListItem(r: Record<string, unknown>) {
  return {
    id: r.call_id,
    atUs: num(r.ts_us),
    agent: r.agent,
    principal: r.principal,
    server: r.server,
    tool: r.tool,
    method: r.method,
    effect: r.effect,
    tier: r.risk_tier,
    task: r.task_id,
    taskClass: r.task_class,
    decision: r.decision,
    basis: r.basis,
    rules: r.policy_ids,
    reason: r.reason,
    mode: r.mode,
    wouldBe: r.would_be,
    attempts: num(r.attempts),
    outcome: r.outcome,
    errorType: r.error_type,
    durationUs: num(r.duration_us),
    proxyUs: num(r.proxy_us),
    upstreamUs: r.upstream_us === null ? null : num(r.upstream_us),
    resultBytes: num(r.result_bytes),
    handling: r.handling,
  };
}
