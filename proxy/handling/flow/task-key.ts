import type { Identity } from "../../identity/identity.ts";

let last = { taskId: "", agent: "", principal: "", key: "" };

/** What a call's activity is kept under: its task, or without one the agent and whom it acts for. */
export function taskKey(identity: Pick<Identity, "taskId" | "agent" | "principal">): string {
  const { taskId, agent, principal } = identity;
  // Asked several times a call, and a text that was joined anew would be hashed anew at every look-up.
  if (last.agent === agent && last.principal === principal && last.taskId === taskId && last.key !== "") return last.key;
  last = { taskId, agent, principal, key: keyOf(identity) };
  return last.key;
}

function keyOf(identity: Pick<Identity, "taskId" | "agent" | "principal">): string {
  return identity.taskId === "" ? `agent:${identity.agent}\n${identity.principal}` : `task:${identity.taskId}`;
}

/** Null for a key that stands for an agent without a task. */
export const taskIdOf = (key: string): string | null => (key.startsWith("task:") ? key.slice(5) : null);
