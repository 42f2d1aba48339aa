import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { buildReport } from "../reports/build.ts";
import { listReports, reportName } from "../reports/deliver.ts";
import { renderHtml, renderMarkdown } from "../reports/render.ts";
import { reportSchema } from "../reports/report.ts";
import { readRange } from "../range.ts";
import { securityHeaders } from "../security.ts";
import { metricSeries } from "../reports/metrics.ts";
import type { RouteContext } from "./context.ts";

const formatSchema = z.object({ format: z.enum(["json", "html", "md"]).default("json") });

export function reportRoutes(app: FastifyInstance, context: RouteContext): void {
  const { readOnlyStore: store, clock, config, reportsDir } = context;

  app.get("/api/metrics", async () => ({ metrics: await metricSeries(store, clock.nowMs()) }));

  app.get("/api/reports", async () => ({ reports: reportsDir ? await listReports(reportsDir) : [], schedule: config.reports }));

  /** Computed now; without a period, as many days as a scheduled report covers, up to now. */
  app.get("/api/reports/preview", async (request, reply) => {
    const range = readRange(request.query, clock.nowMs(), config.reports.days * 24 * 3600_000);
    const report = await buildReport({ store, nowMs: clock.nowMs(), timeZone: config.reports.timeZone }, range);
    return send(reply, report, formatSchema.parse(request.query).format);
  });

  app.get<{ Params: { name: string } }>("/api/reports/:name", async (request, reply) => {
    const { name } = request.params;
    if (!reportsDir || !reportName.test(name)) throw new SignalboxError("E_REPORT_UNKNOWN", `there is no report ${name}`);
    const frozen = await readFile(join(reportsDir, `${name}.json`), "utf8").catch(() => null);
    if (frozen === null) throw new SignalboxError("E_REPORT_UNKNOWN", `there is no report ${name}`);
    return send(reply, reportSchema.parse(JSON.parse(frozen)), formatSchema.parse(request.query).format);
  });
}

function send(reply: import("fastify").FastifyReply, report: z.infer<typeof reportSchema>, format: "json" | "html" | "md") {
  if (format === "json") return reply.send(report);
  if (format === "md") return reply.type("text/markdown; charset=utf-8").send(renderMarkdown(report));
  // A standalone page with one style element of its own and no script.
  const nonce = "report";
  return reply
    .headers({ ...securityHeaders(nonce), "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'" })
    .type("text/html; charset=utf-8")
    .send(renderHtml(report));
}
