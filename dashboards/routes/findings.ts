import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { fromFindingRow, type FindingRow } from "../finding-row.ts";
import { readRange } from "../range.ts";
import { select } from "../rows.ts";
import type { RouteContext } from "./context.ts";

const week = 7 * 24 * 3600_000;

export function findingRoutes(app: FastifyInstance, context: RouteContext): void {
  const { readOnlyStore: store, clock } = context;

  app.get("/api/findings", async (request) => {
    const range = readRange(request.query, clock.nowMs(), week);
    const { detector } = z.object({ detector: z.string().max(64).default("") }).parse(request.query);
    const rows = await select<FindingRow>(store, "findings", { from_ms: range.fromMs, to_ms: range.toMs + 1, detector, finding_id: "", limit: 200 });
    return { range, findings: rows.map(fromFindingRow).filter((f) => f !== null) };
  });

  app.get<{ Params: { id: string } }>("/api/findings/:id", async (request) => {
    const rows = await select<FindingRow>(store, "findings", { from_ms: 0, to_ms: 0, detector: "", finding_id: request.params.id, limit: 1 });
    const finding = rows[0] ? fromFindingRow(rows[0]) : null;
    if (!finding) throw new SignalboxError("E_FINDING_UNKNOWN", `there is no finding ${request.params.id}`);
    return { finding };
  });
}
