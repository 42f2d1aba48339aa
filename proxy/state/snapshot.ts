import type { ControlState, ApprovalState, ClosedExternalTask, ExceptionState, QuarantineState, SeenTool, Stop, TaskState } from "./control-state.ts";

/** A piece of the state on its way to a worker. */
export type SnapshotPart =
  | { readonly of: "tasks"; readonly items: readonly TaskState[] }
  | { readonly of: "closedExternalTasks"; readonly items: readonly ClosedExternalTask[] }
  | { readonly of: "stops"; readonly items: readonly Stop[] }
  | { readonly of: "approvals"; readonly items: readonly ApprovalState[] }
  | { readonly of: "exceptions"; readonly items: readonly ExceptionState[] }
  | { readonly of: "quarantine"; readonly items: readonly QuarantineState[] }
  | { readonly of: "tools"; readonly items: readonly SeenTool[] };

/** A tool's definition may have 64 KB; the rest is small. */
const ITEMS = 100;

/** The whole state as values that survive JSON, in parts that are no burden to a channel. */
export function* snapshotParts(state: ControlState): Generator<SnapshotPart> {
  for (const matter of ["tasks", "closedExternalTasks", "stops", "approvals", "exceptions", "quarantine"] as const) {
    for (const items of chunks<unknown>(state[matter].values())) yield { of: matter, items } as SnapshotPart;
  }
  for (const tools of state.tools.values()) for (const items of chunks(tools.values())) yield { of: "tools", items };
}

/** Into a state that is new; the order within each matter is kept, since it says what is oldest. */
export function restorePart(state: ControlState, part: SnapshotPart): void {
  switch (part.of) {
    case "tasks":
      for (const item of part.items) {
        state.tasks.set(item.task.taskId, item);
        state.taskByToken.set(item.task.tokenHash, item);
      }
      return;
    case "closedExternalTasks":
      for (const item of part.items) state.closedExternalTasks.set(item.taskId, item);
      return;
    case "stops":
      for (const item of part.items) state.stops.set(item.stopId, item);
      return;
    case "approvals":
      for (const item of part.items) state.approvals.set(item.approval.approvalId, item);
      return;
    case "exceptions":
      for (const item of part.items) state.exceptions.set(item.exception.exceptionId, item);
      return;
    case "quarantine":
      for (const item of part.items) state.quarantine.set(item.item.quarantineId, item);
      return;
    case "tools":
      for (const item of part.items) {
        const tools = state.tools.get(item.server) ?? new Map<string, SeenTool>();
        state.tools.set(item.server, tools.set(item.tool, item));
      }
  }
}

function* chunks<T>(values: Iterable<T>): Generator<T[]> {
  let items: T[] = [];
  for (const value of values) {
    items.push(value);
    if (items.length < ITEMS) continue;
    yield items;
    items = [];
  }
  if (items.length > 0) yield items;
}
