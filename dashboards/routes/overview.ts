import type { FastifyInstance } from "fastify";
import { readRange, stepSeconds } from "../range.ts";
import { num, select } from "../rows.ts";
import { alertListItem, type AlertRow } from "./alerts.ts";
import { metricSeries } from "../reports/metrics.ts";
import type { RouteContext } from "./context.ts";

interface SeriesRow {
  t: unknown;
  total: unknown;
  denied: unknown;
  held: unknown;
  failed: unknown;
}

/** The front page: the four numbers, traffic with denials, what fires, what is refused. */
export function overviewRoutes(app: FastifyInstance, context: RouteContext): void {
  const { readOnlyStore: store, clock } = context;
  app.get("/api/overview", async (request) => {
    const nowMs = clock.nowMs();
    const range = readRange(request.query, nowMs, 24 * 3600_000);
    const params = { from_ms: range.fromMs, to_ms: range.toMs };
    const step = stepSeconds(range);
    const before = { from_ms: range.fromMs - (range.toMs - range.fromMs), to_ms: range.fromMs };
    const [series, totals, previous, latency, denied, alerts, metrics] = await Promise.all([
      select<SeriesRow>(store, "series", { ...params, step_s: step }),
      select<Record<string, unknown>>(store, "totals", params),
      select<Record<string, unknown>>(store, "totals", before),
      select<{ proxy: unknown[]; upstream: unknown[] }>(store, "latency", params),
      select<Record<string, unknown>>(store, "top-denied", params),
      select<AlertRow>(store, "alerts", { from_ms: range.fromMs, alert_id: "", limit: 20 }),
      // As they stood at the end of what is looked at: a link to last month shows last month's numbers.
      metricSeries(store, Math.min(nowMs, range.toMs)),
    ]);
    const counts = (row: Record<string, unknown> | undefined) => Object.fromEntries(["total", "denied", "held", "failed", "agents", "servers"].map((k) => [k, num(row?.[k])]));
    return {
      range,
      stepSeconds: step,
      series: series.map((r) => [num(r.t), num(r.total), num(r.denied), num(r.held), num(r.failed)]),
      totals: counts(totals[0]),
      previous: counts(previous[0]),
      latencyUs: { proxy: (latency[0]?.proxy ?? []).map(num), upstream: (latency[0]?.upstream ?? []).map(num) },
      topDenied: denied.map((r) => ({ agent: r.agent, server: r.server, tool: r.tool, denied: num(r.denied), total: num(r.total) })),
      alerts: alerts.map(alertListItem),
      metrics,
    };
  });
}
