/** Who a piece of work belongs to, as the SQL files give it. */
export interface Work {
  /** `task <id>`, `trace <agent> <id>`, `session <agent> <id>` or a burst of an agent's calls. */
  unit: string;
  agent: string;
  taskId: string;
  sessionId: string;
}

/** The entity that a finding about a piece of work is of. */
export function entityOf({ unit, agent, taskId, sessionId }: Work): ["task" | "agent", string] {
  if (taskId !== "") return ["task", taskId];
  if (unit.startsWith("trace ")) return ["task", unit.slice(unit.lastIndexOf(" ") + 1)];
  return sessionId !== "" ? ["task", sessionId] : ["agent", agent];
}

/** The first of each kind, with how many more there are: many tasks that do the same are one event. */
export function groupAlike<T>(all: readonly T[], kindOf: (one: T) => string): (T & { alike: number })[] {
  return [...Map.groupBy(all, kindOf).values()].map((group) => ({ ...group[0]!, alike: group.length - 1 }));
}
