import type { Approval, ControlEntry, Exception, Quarantined, Scope, Task } from "./control-event.ts";

export interface TaskState {
  readonly task: Task;
  readonly openedMs: number;
  readonly openedBy: string;
  readonly closedMs: number | null;
}

/** A task of somebody else's that is over here; that it was ever open is known to who issued the tokens for it. */
export interface ClosedExternalTask {
  readonly taskId: string;
  readonly closedMs: number;
  readonly closedBy: string;
  readonly reason: string;
}

export interface Stop {
  readonly stopId: string;
  readonly scope: Scope;
  readonly reason: string;
  readonly by: string;
  readonly atMs: number;
}

export interface ApprovalState {
  readonly approval: Approval;
  readonly requestedMs: number;
  /** Who agreed, in order. */
  readonly approvedBy: readonly string[];
  readonly deniedBy: string | null;
  readonly usedMs: number | null;
}

export interface ExceptionState {
  readonly exception: Exception;
  readonly grantedMs: number;
  readonly revokedMs: number | null;
}

export interface QuarantineState {
  readonly item: Quarantined;
  readonly heldMs: number;
  readonly verdict: "release" | "redact" | "delete" | null;
  readonly settledBy: string | null;
}

export interface SeenTool {
  readonly server: string;
  readonly tool: string;
  readonly hash: string;
  readonly definition: string;
  readonly state: "usable" | "held" | "blocked" | "vanished";
  /** What was in force before a change that is held or blocked; it stays what calls are compared with. */
  readonly approvedHash: string;
}

/** How much of what is over is kept for look-ups; the store keeps all of it. */
const MAX_OVER = 10_000;
export const MAX_CLOSED_EXTERNAL = 10_000;

/** The state that follows from the journal. Every worker holds a copy and applies the same entries in the same order. */
export class ControlState {
  seq = 0;
  readonly tasks = new Map<string, TaskState>();
  readonly taskByToken = new Map<string, TaskState>();
  readonly closedExternalTasks = new Map<string, ClosedExternalTask>();
  readonly stops = new Map<string, Stop>();
  readonly approvals = new Map<string, ApprovalState>();
  readonly exceptions = new Map<string, ExceptionState>();
  readonly quarantine = new Map<string, QuarantineState>();
  /** By server, then by tool. */
  readonly tools = new Map<string, Map<string, SeenTool>>();

  /** Entries come in order; one that was applied before is passed over. */
  apply(entry: ControlEntry): void {
    if (entry.seq <= this.seq) return;
    this.seq = entry.seq;
    const { event, atMs, by } = entry;
    switch (event.kind) {
      case "task.opened":
        this.#setTask({ task: event.task, openedMs: atMs, openedBy: by, closedMs: null });
        return this.#forgetTask(atMs);
      case "task.closed": {
        const found = this.tasks.get(event.taskId);
        if (found) this.#setTask({ ...found, closedMs: atMs });
        return;
      }
      case "external_task.closed":
        this.closedExternalTasks.set(event.taskId, { taskId: event.taskId, closedMs: atMs, closedBy: by, reason: event.reason });
        return forget(this.closedExternalTasks, MAX_CLOSED_EXTERNAL);
      case "stop.set":
        this.stops.set(event.stopId, { stopId: event.stopId, scope: event.scope, reason: event.reason, by, atMs });
        return;
      case "stop.cleared":
        this.stops.delete(event.stopId);
        return;
      case "approval.requested":
        this.approvals.set(event.approval.approvalId, { approval: event.approval, requestedMs: atMs, approvedBy: [], deniedBy: null, usedMs: null });
        return forget(this.approvals, MAX_OVER);
      case "approval.decided":
        return update(this.approvals, event.approvalId, (a) =>
          event.verdict === "deny" ? { ...a, deniedBy: by } : { ...a, approvedBy: [...a.approvedBy, by] },
        );
      case "approval.used":
        return update(this.approvals, event.approvalId, (a) => ({ ...a, usedMs: atMs }));
      case "exception.granted":
        this.exceptions.set(event.exception.exceptionId, { exception: event.exception, grantedMs: atMs, revokedMs: null });
        return forget(this.exceptions, MAX_OVER);
      case "exception.revoked":
        return update(this.exceptions, event.exceptionId, (e) => ({ ...e, revokedMs: atMs }));
      case "quarantine.held":
        this.quarantine.set(event.item.quarantineId, { item: event.item, heldMs: atMs, verdict: null, settledBy: null });
        return forget(this.quarantine, MAX_OVER);
      case "quarantine.settled":
        return update(this.quarantine, event.quarantineId, (q) => ({ ...q, verdict: event.verdict, settledBy: by }));
      case "tool.seen": {
        const before = this.tools.get(event.server)?.get(event.tool);
        const approvedHash = event.action === "pass" && event.change !== "vanished" ? event.hash : (before?.approvedHash ?? "");
        const state = event.change === "vanished" ? "vanished" : event.action === "pass" ? "usable" : event.action === "hold" ? "held" : "blocked";
        return this.#setTool({ server: event.server, tool: event.tool, hash: event.hash, definition: event.definition, state, approvedHash });
      }
      case "tool.approved": {
        const before = this.tools.get(event.server)?.get(event.tool);
        if (before && before.hash === event.hash) this.#setTool({ ...before, state: "usable", approvedHash: event.hash });
        return;
      }
      case "files.refused":
        return;
    }
  }

  #setTask(state: TaskState): void {
    this.tasks.set(state.task.taskId, state);
    this.taskByToken.set(state.task.tokenHash, state);
  }

  /** Lets go of the oldest one that is over; how many may be open at once is the deciders' to bound. */
  #forgetTask(nowMs: number): void {
    if (this.tasks.size <= MAX_OVER) return;
    for (const [taskId, { task, closedMs }] of this.tasks) {
      if (closedMs === null && task.expiresMs > nowMs) continue;
      this.tasks.delete(taskId);
      this.taskByToken.delete(task.tokenHash);
      return;
    }
  }

  #setTool(seen: SeenTool): void {
    const tools = this.tools.get(seen.server) ?? new Map<string, SeenTool>();
    this.tools.set(seen.server, tools.set(seen.tool, seen));
  }
}

function update<T>(map: Map<string, T>, key: string, change: (value: T) => T): void {
  const found = map.get(key);
  if (found !== undefined) map.set(key, change(found));
}

/** Lets go of the oldest one. */
function forget<T>(map: Map<string, T>, max: number): void {
  if (map.size > max) map.delete(map.keys().next().value!);
}
