import type { Statement } from "./compose.ts";

/** Who a piece of work belongs to, as the SQL files give it. */
export interface Work {
  /** `task <id>`, `trace <agent> <id>`, `session <agent> <id>` or a burst of an agent's calls. */
  unit: string;
  agent: string;
  taskId: string;
  sessionId: string;
}

/** A row about one piece of work: `class` is its task class, or `agent:` and the agent that has none. */
export interface WorkRow {
  unit: string;
  class: string;
  some_agent: string;
  some_task: string;
  some_session: string;
}

/** What a finding about a piece of work says of it. */
export function ofWork(row: WorkRow): Pick<Statement, "entityKind" | "entity" | "agent" | "taskClass"> {
  const [entityKind, entity] = entityOf({ unit: row.unit, agent: row.some_agent, taskId: row.some_task, sessionId: row.some_session });
  return { entityKind, entity, agent: row.some_agent, taskClass: row.class.startsWith("agent:") ? "" : row.class };
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
