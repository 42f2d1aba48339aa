import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { read, refused } from "../people/refused.ts";
import type { ClosedExternalTask, TaskState } from "../state/control-state.ts";
import { actorOf, replyDecided, replyRefused, type ControlApiOptions } from "../state/http.ts";
import { isOver, maySee } from "./decide.ts";
import { openTask } from "./open-task.ts";

const MAX_LISTED = 1000;

const listSchema = z.object({
  agent: z.string().max(128).optional(),
  state: z.enum(["open", "closed", "expired"]).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_LISTED).default(100),
});

/** The decider reads the members; here they are only told from what is no member. */
const said = z.unknown().optional();
const bodySchema = z.strictObject({
  kind: z.string(),
  class: said,
  agent: said,
  owner: said,
  principal: said,
  workItem: said,
  servers: said,
  tools: said,
  budget: said,
  ttlSeconds: z.number().positive().optional(),
});

/**
 * Tasks: POST /v1/tasks {class?, agent?, owner?, principal?, workItem?, servers?, tools?, budget?: {calls?, writes?},
 * ttlSeconds?} answers the task and, this once, its token; GET /v1/tasks?agent&state&limit; GET /v1/tasks/:id;
 * POST /v1/tasks/:id/close {reason?}. A caller sees the tasks that it may close, operators and approvers all. Of tasks that
 * access tokens name, those that were closed here are known, and listed as `external`.
 */
export function taskRoutes(app: FastifyInstance, { control, clock }: Pick<ControlApiOptions, "control" | "clock">): void {
  const view = (taskId: string): object => {
    const found = control.state.tasks.get(taskId);
    const external = control.state.closedExternalTasks.get(taskId);
    return found ? taskView(found, clock.nowMs()) : external ? externalView(external) : { taskId };
  };

  app.post("/v1/tasks", async (request, reply) => {
    const asked = read(bodySchema, { ...(request.body as object | undefined), kind: "task.open" });
    if (!asked.ok) return replyRefused(reply, asked);
    const { ttlSeconds, class: given, kind: _, ...rest } = asked.data;
    // An agent's own key says what kind of work it does unless the task says otherwise.
    const taskClass = given ?? (rest.agent === undefined ? request.caller?.taskClass || undefined : undefined);
    const ttlMs = ttlSeconds === undefined ? undefined : Math.round(ttlSeconds * 1000);
    const { decided, taskId, token } = await openTask(control, actorOf(request), { ...rest, class: taskClass, ttlMs });
    if (!decided.ok) return replyRefused(reply, decided);
    return replyDecided(reply.header("location", `/v1/tasks/${taskId}`), decided, 201, { task: view(taskId), token });
  });

  app.get("/v1/tasks", async (request, reply) => {
    const asked = read(listSchema, { kind: "", ...(request.query as object) });
    if (!asked.ok) return replyRefused(reply, asked);
    const { agent, state, limit } = asked.data;
    const actor = actorOf(request);
    const nowMs = clock.nowMs();
    const tasks = [...control.state.tasks.values()]
      .filter(({ task }) => (agent === undefined || task.agent === agent) && (actor.taskId === undefined || actor.taskId === task.taskId) && maySee(actor, task))
      .map((found) => taskView(found, nowMs))
      .filter((view) => state === undefined || view.state === state)
      .sort((a, b) => (a.openedAt < b.openedAt ? 1 : -1));
    const seesAll = actor.taskId === undefined && actor.roles.some((role) => role !== "agent") && agent === undefined && (state ?? "closed") === "closed";
    const external = seesAll ? [...control.state.closedExternalTasks.values()].reverse().slice(0, limit).map(externalView) : [];
    return { tasks: tasks.slice(0, limit), external, more: tasks.length > limit };
  });

  app.get<{ Params: { id: string } }>("/v1/tasks/:id", async (request, reply) => {
    const found = control.state.tasks.get(request.params.id);
    // Whoever may not see it learns no more than that it cannot be seen.
    if (!found || !maySee(actorOf(request), found.task)) return replyRefused(reply, refused(404, "E_NOT_FOUND", "there is no such task"));
    return { task: taskView(found, clock.nowMs()) };
  });

  app.post<{ Params: { id: string } }>("/v1/tasks/:id/close", async (request, reply) => {
    const { reason } = (request.body ?? {}) as Record<string, unknown>;
    const { id } = request.params;
    const decided = await control.submit({ kind: "task.close", taskId: id, reason }, actorOf(request));
    return replyDecided(reply, decided, 200, { task: view(id) });
  });
}

const iso = (ms: number): string => new Date(ms).toISOString();

export function externalView({ taskId, closedMs, closedBy, reason }: ClosedExternalTask) {
  return { taskId, state: "closed" as const, external: true as const, closedAt: iso(closedMs), closedBy, reason };
}

/** A task as people and agents see it; its token's hash stays here. */
export function taskView(state: TaskState, nowMs: number) {
  const { tokenHash: _, expiresMs, ...task } = state.task;
  const why = isOver(state, nowMs);
  return {
    ...task,
    state: why === null ? ("open" as const) : why === "task_closed" ? ("closed" as const) : ("expired" as const),
    openedAt: iso(state.openedMs),
    openedBy: state.openedBy,
    expiresAt: iso(expiresMs),
    closedAt: state.closedMs === null ? null : iso(state.closedMs),
  };
}
