import type { Identity } from "../../identity/identity.ts";

/** What a call's activity is kept under: its task, or without one the agent and whom it acts for. */
export function taskKey(identity: Pick<Identity, "taskId" | "agent" | "principal">): string {
  return identity.taskId === "" ? `agent:${identity.agent}\n${identity.principal}` : `task:${identity.taskId}`;
}

/** Null for a key that stands for an agent without a task. */
export const taskIdOf = (key: string): string | null => (key.startsWith("task:") ? key.slice(5) : null);
