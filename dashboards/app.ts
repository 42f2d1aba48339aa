import { fastify, type FastifyInstance } from "fastify";
import { ZodError } from "zod";
import type { Clock } from "../collector/kernel/clock.ts";
import { SignalboxError } from "../collector/kernel/errors.ts";
import type { Logger } from "../collector/kernel/log.ts";
import type { DashboardsConfig } from "./config.ts";
import { alertRoutes } from "./routes/alerts.ts";
import { callRoutes } from "./routes/calls.ts";
import type { RouteContext } from "./routes/context.ts";
import { findingRoutes } from "./routes/findings.ts";
import { healthRoutes } from "./routes/health.ts";
import { overviewRoutes } from "./routes/overview.ts";
import { reportRoutes } from "./routes/reports.ts";
import { sqlRoutes } from "./routes/sql.ts";
import type { Store } from "./rows.ts";
import { guardRequests, securityHeaders } from "./security.ts";
import type { RawQuery } from "./sql/raw-query.ts";
import { packagedWebDir, serveConsole } from "./static.ts";

export interface ConsoleDeps {
  /** Writes a person's actions on alerts. */
  readonly store: Store;
  /** Every page reads through this one, as the store's read-only user. */
  readonly readOnlyStore: Store;
  readonly rawQuery: RawQuery;
  readonly clock: Clock;
  readonly config: DashboardsConfig;
  readonly logger: Logger;
  readonly reportsDir?: string | null;
  readonly webDir?: string;
  readonly storeReady?: () => boolean;
}

/** The console and its API as a fastify app that does not listen yet. */
export function createConsoleApp(deps: ConsoleDeps): FastifyInstance {
  const app = fastify({ logger: false, bodyLimit: 256 * 1024, forceCloseConnections: true, requestTimeout: 30_000 });
  const context: RouteContext = { ...deps, reportsDir: deps.reportsDir ?? null, storeReady: deps.storeReady ?? (() => true) };

  guardRequests(app, deps.config.allowedHosts);
  app.addHook("onSend", async (_request, reply) => {
    if (!reply.hasHeader("content-security-policy")) reply.headers(securityHeaders("none"));
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
  });
  app.addHook("preHandler", async (request, reply) => {
    const waits = request.url.startsWith("/api/") && !request.url.startsWith("/api/health") && !context.storeReady();
    if (waits) return reply.code(503).header("retry-after", "2").send({ error: "waiting for the store", remedy: "it is starting, or it can't be reached; this page tries again" });
  });
  app.setErrorHandler((error, _request, reply) => answer(error, reply, deps.logger));

  healthRoutes(app, context);
  overviewRoutes(app, context);
  callRoutes(app, context);
  findingRoutes(app, context);
  alertRoutes(app, context);
  reportRoutes(app, context);
  sqlRoutes(app, context);
  serveConsole(app, deps.webDir ?? packagedWebDir);
  return app;
}

const statusOf: Readonly<Record<string, number>> = {
  E_CALL_UNKNOWN: 404,
  E_FINDING_UNKNOWN: 404,
  E_ALERT_UNKNOWN: 404,
  E_REPORT_UNKNOWN: 404,
  E_ALERT_ACTION: 409,
};

/** Whose fault it is decides the status: the caller's words, something missing, or the store behind us. */
function answer(error: unknown, reply: import("fastify").FastifyReply, logger: Logger) {
  if (error instanceof ZodError) {
    return reply.code(400).send({ error: error.issues.map((i) => `${i.path.join(".") || "request"}: ${i.message}`).join("; ") });
  }
  if (error instanceof SignalboxError && statusOf[error.code]) {
    return reply.code(statusOf[error.code]!).send({ error: error.message, code: error.code, ...(error.remedy ? { remedy: error.remedy } : {}) });
  }
  const status = (error as { statusCode?: number }).statusCode;
  if (status !== undefined && status < 500) return reply.code(status).send({ error: error instanceof Error ? error.message : "bad request" });
  logger.error({ err: error }, "request failed");
  return reply.code(502).send({ error: "the store did not answer as it should", remedy: "see the backend's log" });
}
