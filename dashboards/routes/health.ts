import type { FastifyInstance } from "fastify";
import { num, select } from "../rows.ts";
import type { RouteContext } from "./context.ts";

const day = 24 * 3600_000;

/** Whether what the pages show can be trusted: the store, the register's completeness, the jobs, the notifications. */
export function healthRoutes(app: FastifyInstance, context: RouteContext): void {
  const { readOnlyStore: store, clock, storeReady } = context;
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => (storeReady() ? { status: "ready" } : reply.code(503).send({ status: "waiting for the store" })));
  app.get("/api/health", async () => {
    const nowMs = clock.nowMs();
    if (!storeReady()) return { status: "waiting for the store", nowMs };
    const [producers, jobs, deliveries] = await Promise.all([
      select<Record<string, unknown>>(store, "producers", { from_ms: nowMs - day, to_ms: nowMs + 3600_000 }),
      select<Record<string, unknown>>(store, "job-health", { now_ms: nowMs }),
      select<Record<string, unknown>>(store, "delivery-health", { now_ms: nowMs }),
    ]);
    const complete = producers.map((p) => ({
      producer: p.producer,
      newestMs: num(p.newest_ms),
      records: num(p.present),
      missing: num(p.last_seq) - num(p.first_seq) + 1 - num(p.present),
    }));
    return {
      status: "ok",
      nowMs,
      newestCallMs: Math.max(0, ...complete.map((p) => p.newestMs)) || null,
      missingRecords: complete.reduce((sum, p) => sum + p.missing, 0),
      producers: complete,
      jobs: jobs.map((j) => ({ job: j.job, status: j.last_status, error: j.last_error, lastMs: num(j.last_ms), runs: num(j.runs), failures: num(j.failures), findings: num(j.found) })),
      notifications: { delivered: num(deliveries[0]?.delivered), waiting: num(deliveries[0]?.waiting), dead: num(deliveries[0]?.dead) },
    };
  });
}
