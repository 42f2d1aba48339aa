/** Lets one loop sleep until something happens. What happened while it was awake is remembered. */
export class Signal {
  #set = false;
  #resolve: (() => void) | null = null;

  set(): void {
    this.#set = true;
    this.#resolve?.();
  }

  /** Forgets what happened while nobody waited. */
  clear(): void {
    this.#set = false;
  }

  /** Resolves at the next `set`, after `ms` (null: never), or when `signal` is aborted. One waiter at a time. */
  async wait(ms: number | null, signal: AbortSignal): Promise<void> {
    if (!this.#set && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = ms === null ? null : setTimeout(resolve, ms);
        const done = (): void => {
          if (timer) clearTimeout(timer);
          signal.removeEventListener("abort", done);
          resolve();
        };
        signal.addEventListener("abort", done, { once: true });
        this.#resolve = done;
      });
    }
    this.#resolve = null;
    this.#set = false;
  }
}
