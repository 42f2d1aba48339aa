import { z } from "zod";
import { read, refused } from "../people/refused.ts";
import type { Actor, Decided, Deciders } from "../state/command.ts";
import { taskSchema, type Task } from "../state/control-event.ts";
import { isOwnTask } from "../identity/task-token.ts";
import { MAX_CLOSED_EXTERNAL, type ControlState, type TaskState } from "../state/control-state.ts";

export interface TaskSettings {
  /** The classes that there are; absent: any name. */
  readonly taskClasses?: readonly string[] | undefined;
  /** Whether access tokens are accepted, which may name tasks that were not opened here. */
  readonly externalTasks?: boolean;
}

export const DEFAULT_TTL_MS = 8 * 3_600_000;
export const MAX_TTL_MS = 7 * 24 * 3_600_000;

/** Open at once: in all, so that the state is bounded; and of one agent, so that none takes all of them. */
const MAX_OPEN = 10_000;
const MAX_OPEN_OF_AGENT = 1000;

const fields = taskSchema.shape;
const openSchema = z.object({
  taskId: fields.taskId,
  tokenHash: fields.tokenHash,
  class: fields.class,
  agent: fields.agent.optional(),
  owner: fields.owner.optional(),
  principal: fields.principal.optional(),
  workItem: fields.workItem.default(""),
  servers: fields.servers,
  tools: fields.tools,
  budget: fields.budget.default({}),
  ttlMs: z.int().min(1000).max(MAX_TTL_MS, `at most ${MAX_TTL_MS / 86_400_000} days`).default(DEFAULT_TTL_MS),
});
const closeSchema = z.object({ taskId: fields.taskId, reason: z.string().trim().max(500).default("") });

/**
 * `task.open` and `task.close`. An agent opens tasks for itself, within what its own credential is limited to; an operator
 * for any agent. The token is made by the asker (open-task.ts); its hash alone comes here.
 */
export function taskDeciders(settings: TaskSettings): Deciders {
  return {
    "task.open": (state, command, { actor, nowMs }) => {
      const asked = read(openSchema, command);
      if (!asked.ok) return asked;
      const { ttlMs, agent = actor.agent, owner = actor.principal, principal = actor.principal, ...rest } = asked.data;
      const task: Task = { ...rest, agent, owner, principal, expiresMs: nowMs + ttlMs };
      const fault = mayNotOpen(actor, task) ?? outOfReach(actor, task) ?? unknownClass(settings, task) ?? tooMany(state, task, nowMs);
      if (fault) return fault;
      if (state.tasks.has(task.taskId)) return refused(409, "E_CONFLICT", "there is a task of this id");
      const narrowed = {
        ...task,
        ...(task.servers === undefined && actor.servers ? { servers: [...actor.servers] } : {}),
        ...(task.tools === undefined && actor.tools ? { tools: [...actor.tools] } : {}),
      };
      return { ok: true, events: [{ kind: "task.opened", task: narrowed }], result: { taskId: task.taskId } };
    },

    "task.close": (state, command, { actor, nowMs }) => {
      const asked = read(closeSchema, command);
      if (!asked.ok) return asked;
      const { taskId, reason } = asked.data;
      const found = state.tasks.get(taskId);
      if (!found && settings.externalTasks && !isOwnTask(taskId)) return closeExternal(state, actor, taskId, reason, nowMs);
      if (!found) return refused(404, "E_NOT_FOUND", "there is no such task");
      if (!mayClose(actor, found.task)) return refused(403, "E_ROLE", "only the task's own agent, its owner or principal, or an operator may close it");
      const events = isOver(found, nowMs) ? [] : [{ kind: "task.closed" as const, taskId, reason }];
      return { ok: true, events, result: { taskId } };
    },
  };
}

/** How long it is certain to be remembered that one is over: longer than tokens live that name it. */
const REMEMBERED_MS = 30 * 24 * 3_600_000;

/** Nobody here knows whose it is, so an operator alone says that it is over. Final: an id that was closed is not opened again. */
function closeExternal(state: ControlState, actor: Actor, taskId: string, reason: string, nowMs: number): Decided {
  if (!isOperator(actor)) return refused(403, "E_ROLE", "only an operator may close a task that was not opened here");
  const result = { taskId };
  if (state.closedExternalTasks.has(taskId)) return { ok: true, events: [], result };
  const [oldest] = state.closedExternalTasks.values();
  if (state.closedExternalTasks.size >= MAX_CLOSED_EXTERNAL && nowMs - oldest!.closedMs < REMEMBERED_MS) {
    return refused(429, "E_LIMIT", `${MAX_CLOSED_EXTERNAL} tasks of access tokens were closed within 30 days; stop the agent instead`);
  }
  return { ok: true, events: [{ kind: "external_task.closed", taskId, reason }], result };
}

/** Why a task is no longer a credential; null while it is. */
export function isOver({ task, closedMs }: TaskState, nowMs: number): "task_closed" | "task_expired" | null {
  if (closedMs !== null) return "task_closed";
  return nowMs >= task.expiresMs ? "task_expired" : null;
}

/** Whom a task is shown to. */
export function maySee(actor: Actor, task: Task): boolean {
  return actor.roles.includes("approver") || mayClose(actor, task);
}

const isOperator = (actor: Actor): boolean => actor.roles.includes("operator");

function mayClose(actor: Actor, task: Task): boolean {
  if (actor.taskId !== undefined) return actor.taskId === task.taskId;
  return isOperator(actor) || actor.agent === task.agent || actor.principal === task.owner || actor.principal === task.principal;
}

/** An agent's word for who is behind the work would be worth nothing, so it says nothing of it. */
function mayNotOpen(actor: Actor, task: Task) {
  if (actor.taskId !== undefined) return refused(403, "E_ROLE", "a task's token is for that task alone; open another task with the agent's own key");
  if (isOperator(actor)) return null;
  if (task.agent !== actor.agent) return refused(403, "E_ROLE", "only an operator may open a task for another agent");
  if (task.principal !== actor.principal || task.owner !== actor.principal) {
    return refused(403, "E_ROLE", "only an operator may name an owner or a principal; an agent's task is its own principal's");
  }
  return null;
}

/** A task must not reach further than the credential that opened it. */
function outOfReach(actor: Actor, task: Task) {
  const { taskClasses, servers, tools } = actor;
  if (!isOperator(actor) && taskClasses && !taskClasses.includes(task.class)) {
    return refused(403, "E_TASK_CLASS", `this key opens tasks of the class ${taskClasses.join(", ")} alone`);
  }
  if (servers && task.servers?.some((server) => !servers.includes(server))) {
    return refused(403, "E_TASK_SCOPE", `this key is for the servers ${servers.join(", ")} alone`);
  }
  if (tools && task.tools?.some((tool) => !tools.includes(tool))) {
    return refused(403, "E_TASK_SCOPE", `this key is for the tools ${tools.join(", ")} alone`);
  }
  return null;
}

function unknownClass({ taskClasses }: TaskSettings, task: Task) {
  if (!taskClasses || taskClasses.includes(task.class)) return null;
  return refused(400, "E_TASK_CLASS", `there is no task class of this name; proxy.taskClasses has ${taskClasses.join(", ") || "none"}`);
}

function tooMany(state: ControlState, task: Task, nowMs: number) {
  let open = 0;
  let ofAgent = 0;
  for (const other of state.tasks.values()) {
    if (isOver(other, nowMs) !== null) continue;
    open++;
    if (other.task.agent === task.agent) ofAgent++;
  }
  if (ofAgent >= MAX_OPEN_OF_AGENT) return refused(429, "E_LIMIT", `the agent has ${MAX_OPEN_OF_AGENT} open tasks; close some`);
  return open >= MAX_OPEN ? refused(429, "E_LIMIT", `there are ${MAX_OPEN} open tasks; close some`) : null;
}
