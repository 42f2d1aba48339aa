import { isOver } from "../../tasks/decide.ts";
import type { TaskState } from "../../state/control-state.ts";
import type { Authentication, Identity } from "../identity.ts";

/** As this proxy makes them; a token that names one that is not known here names one that was forgotten, and so is over. */
const ownTaskId = /^tk-[0-9a-f]{16}$/;

export const isOwnTask = (taskId: string): boolean => ownTaskId.test(taskId);

/**
 * The identity of a token that names a task which was opened here: within what both allow, and for as long as both last.
 * Pure.
 */
export function inRegisteredTask(identity: Identity, state: TaskState | undefined, nowMs: number): Authentication {
  if (state === undefined) return { ok: false, why: "task_closed" };
  const { task } = state;
  const why = isOver(state, nowMs);
  if (why !== null) return { ok: false, why };
  // The task is another agent's: whoever wrote this token did not ask the one who opened it.
  if (task.agent !== identity.agent) return { ok: false, why: "token_invalid" };
  const servers = both(identity.servers, task.servers);
  const tools = both(identity.tools, task.tools);
  return Object.freeze({
    ok: true,
    identity: Object.freeze({ ...identity, taskClass: task.class, taskOwner: task.owner, budget: task.budget, ...(servers ? { servers } : {}), ...(tools ? { tools } : {}) }),
  });
}

function both(one: readonly string[] | undefined, other: readonly string[] | undefined): readonly string[] | undefined {
  return one && other ? one.filter((name) => other.includes(name)) : (one ?? other);
}
