export interface RetryOptions {
  attempt(): Promise<void>;
  readonly everyMs: number;
  /** Told of the first failure and then of ever fewer: an outage of hours must not fill the log. */
  onFailure(error: unknown, failures: number): void;
}

/** Tries something again and again, from when it is asked to until it succeeds. */
export class Retry {
  readonly #options: RetryOptions;
  #timer: NodeJS.Timeout | null = null;
  #failures = 0;
  #stopped = false;

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  later(): void {
    if (this.#stopped) return;
    this.#timer ??= setTimeout(() => void this.#try(), this.#options.everyMs).unref();
  }

  /** An attempt that has begun goes on. */
  stop(): void {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  async #try(): Promise<void> {
    this.#timer = null;
    try {
      await this.#options.attempt();
      this.#failures = 0;
    } catch (error) {
      this.#failures++;
      if (Number.isInteger(Math.log2(this.#failures))) this.#options.onFailure(error, this.#failures);
      this.later();
    }
  }
}
