import type { FastifyInstance } from "fastify";
import { taskRoutes } from "../tasks/routes.ts";
import { controlScope, type ControlApiOptions } from "./http.ts";
import { stopRoutes } from "./stop-routes.ts";

export { actorOf, controlScope, replyDecided, replyProblem, replyRefused, type ControlApiOptions } from "./http.ts";

/** The fastify plugin of the control API: `/v1/tasks` and `/v1/stops`. Other matters register plugins of their own beside it. */
export async function controlApi(app: FastifyInstance, options: ControlApiOptions): Promise<void> {
  controlScope(app, options);
  taskRoutes(app, options);
  stopRoutes(app, options);
}
