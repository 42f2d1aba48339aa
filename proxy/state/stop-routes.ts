import type { FastifyInstance } from "fastify";
import { withoutRole } from "../people/refused.ts";
import { actorOf, replyDecided, replyRefused, type ControlApiOptions } from "./http.ts";
import type { Stop } from "./control-state.ts";

/**
 * The kill switch, for operators: POST /v1/stops {scope: {agent?, server?, tool?, taskId?}, reason}, GET /v1/stops,
 * DELETE /v1/stops/:id {reason?}. A change is answered when the workers have it; `workers` says how many do.
 */
export function stopRoutes(app: FastifyInstance, { control }: Pick<ControlApiOptions, "control">): void {

  app.post("/v1/stops", async (request, reply) => {
    const { scope, reason } = (request.body ?? {}) as Record<string, unknown>;
    const decided = await control.submit({ kind: "stop.set", scope, reason }, actorOf(request));
    if (!decided.ok) return replyRefused(reply, decided);
    const { stopId } = decided.result as { stopId: string };
    const stop = control.state.stops.get(stopId);
    return replyDecided(reply, decided, 201, { stop: stop ? stopView(stop) : { stopId } });
  });

  app.get("/v1/stops", async (request, reply) => {
    const forbidden = withoutRole(actorOf(request), ["operator"]);
    if (forbidden) return replyRefused(reply, forbidden);
    return { stops: [...control.state.stops.values()].map(stopView) };
  });

  app.delete<{ Params: { id: string } }>("/v1/stops/:id", async (request, reply) => {
    const { reason } = (request.body ?? {}) as Record<string, unknown>;
    const decided = await control.submit({ kind: "stop.clear", stopId: request.params.id, reason }, actorOf(request));
    return replyDecided(reply, decided);
  });
}

const stopView = ({ stopId, scope, reason, by, atMs }: Stop) => ({ stopId, scope, reason, by, at: new Date(atMs).toISOString() });
