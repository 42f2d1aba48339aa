/** Whatever starts can stop: twice without harm, and by a deadline. */
export interface Stoppable {
  stop(): Promise<void>;
}

/** Stops in reverse order of adding. A second call returns the first call's promise. */
export class Lifecycle implements Stoppable {
  #items: { name: string; stop: () => Promise<void> | void }[] = [];
  #stopping: Promise<void> | undefined;

  add(name: string, stop: () => Promise<void> | void): void {
    this.#items.push({ name, stop });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const item of this.#items.reverse()) {
      try {
        await item.stop();
      } catch (error) {
        failures.push(new Error(`stopping ${item.name}`, { cause: error }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "some parts did not stop cleanly");
  }
}

/** Rejects when `work` takes longer than `ms`; the work itself is not cancelled by this. */
export async function withDeadline<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
