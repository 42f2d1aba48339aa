import type { Actor } from "../state/command.ts";
import type { ControlState } from "../state/control-state.ts";

/** Whose call it is. */
export interface Concerned {
  readonly agent: string;
  readonly principal: string;
  readonly taskId: string;
}

/**
 * True for whoever the call belongs to: its agent, the one on whose behalf it is made, and for a task also the one who opened
 * it. What they want is known from the call; a decision is somebody else's.
 */
export function isConcerned(state: ControlState, call: Concerned, actor: Actor): boolean {
  const task = call.taskId === "" ? undefined : state.tasks.get(call.taskId);
  const own = new Set([call.agent, call.principal]);
  if (task) for (const name of [task.openedBy, task.task.principal, task.task.agent]) own.add(name);
  return own.has(actor.principal) || own.has(actor.agent);
}
