/** Calls and writes of each task, over all workers that ever counted: each adds to a number of its own, and the sum counts. */
export interface TaskCount {
  readonly calls: number;
  readonly writes: number;
}

/** [task, worker, calls, writes]: what that worker has counted in all. */
export type ToldCount = readonly [taskId: string, origin: string, calls: number, writes: number];

const none: TaskCount = Object.freeze({ calls: 0, writes: 0 });
/** As many as can be open at once (tasks/decide.ts), and some that are over. */
const MAX_TASKS = 20_000;

/**
 * Numbers that only grow, one a worker, so that hearing of them late, twice or in another order does no harm, and what a
 * worker counted stays when it ends, as long as one other lives.
 */
export class TaskCounts {
  readonly #origin: string;
  readonly #tasks = new Map<string, Map<string, TaskCount>>();
  readonly #untold = new Set<string>();

  /** `origin` names this worker, and is never used again. */
  constructor(origin: string) {
    this.#origin = origin;
  }

  of(taskId: string): TaskCount {
    const counts = this.#tasks.get(taskId);
    if (!counts) return none;
    let calls = 0;
    let writes = 0;
    for (const count of counts.values()) {
      calls += count.calls;
      writes += count.writes;
    }
    return { calls, writes };
  }

  add(taskId: string, write: boolean): void {
    const { calls, writes } = this.#tasks.get(taskId)?.get(this.#origin) ?? none;
    this.#set(taskId, this.#origin, { calls: calls + 1, writes: writes + (write ? 1 : 0) });
    this.#untold.add(taskId);
  }

  hear([taskId, origin, calls, writes]: ToldCount): void {
    const known = this.#tasks.get(taskId)?.get(origin) ?? none;
    this.#set(taskId, origin, { calls: Math.max(calls, known.calls), writes: Math.max(writes, known.writes) });
  }

  /** What was counted here since the last time. */
  takeUntold(): ToldCount[] {
    const told = [...this.#untold].map((taskId): ToldCount => {
      const { calls, writes } = this.#tasks.get(taskId)?.get(this.#origin) ?? none;
      return [taskId, this.#origin, calls, writes];
    });
    this.#untold.clear();
    return told;
  }

  /** Everything that is known, for a worker that has just started. */
  *all(): Generator<ToldCount> {
    for (const [taskId, counts] of this.#tasks) for (const [origin, { calls, writes }] of counts) yield [taskId, origin, calls, writes];
  }

  forget(taskId: string): void {
    this.#tasks.delete(taskId);
    this.#untold.delete(taskId);
  }

  #set(taskId: string, origin: string, count: TaskCount): void {
    let counts = this.#tasks.get(taskId);
    if (!counts) {
      this.#tasks.set(taskId, (counts = new Map()));
      if (this.#tasks.size > MAX_TASKS) this.forget(this.#tasks.keys().next().value!);
    }
    counts.set(origin, count);
  }
}
