/** One thing that is done again and again, when there is more of it. Never twice at once. */
export interface WokenLoop {
  /** There is more to do: now, or as soon as the turn that runs is over. Ends a wait after a failure. */
  wake(): void;
  /** As `wake`, in so many milliseconds, where no wait ends before. */
  wakeIn(ms: number): void;
  /** Resolves when no turn runs: everything was done, or a turn has failed and the next one waits. */
  settled(): Promise<void>;
  readonly ended: boolean;
  /** No turn begins any more; one that runs should look at `ended` between its steps. May be called twice. */
  end(): void;
}

export interface WokenLoopOptions {
  /** Does all that there is to do. */
  readonly turn: () => Promise<void>;
  /** Told of a turn that failed, with how many have failed in a row; says for how many milliseconds to wait before the
   * next one. Must not throw. */
  readonly failed: (error: unknown, failures: number) => number | Promise<number>;
}

/** Sleeps until it is woken. A wait keeps no process alive. */
export function createWokenLoop({ turn, failed }: WokenLoopOptions): WokenLoop {
  let running: Promise<void> | null = null;
  let again = false;
  let ended = false;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;

  async function turns(): Promise<void> {
    while (again && !ended) {
      again = false;
      try {
        await turn();
        failures = 0;
      } catch (error) {
        const waitMs = await failed(error, ++failures);
        wakeIn(waitMs);
        return;
      }
    }
  }

  function wake(): void {
    if (ended) return;
    again = true;
    if (running) return;
    clearTimeout(timer);
    timer = undefined;
    // Not in this very moment, so that a turn that wakes its own loop finds it running.
    running = Promise.resolve().then(turns).finally(() => (running = null));
  }

  function wakeIn(ms: number): void {
    if (ended) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      wake();
    }, ms).unref();
  }

  return {
    wake,
    wakeIn,
    async settled() {
      await running;
    },
    get ended() {
      return ended;
    },
    end() {
      ended = true;
      clearTimeout(timer);
    },
  };
}
