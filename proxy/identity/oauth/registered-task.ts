import { isOver } from "../../tasks/decide.ts";
import type { TaskState } from "../../state/control-state.ts";
import type { Authentication, Identity } from "../identity.ts";

/**
 * The identity of a token that names a task which was opened here: within what both allow, and for as long as both last.
 * One that is not known here was forgotten, and so is over. Pure.
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
