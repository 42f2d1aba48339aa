import type { Exchange } from "./exchange.ts";

/** What is under way in a worker. */
export class ActiveExchanges {
  readonly #exchanges = new Set<Exchange>();
  /** True once the worker is to stop: nothing is taken on any more. */
  closed = false;
  #onEmpty: (() => void) | null = null;

  get size(): number {
    return this.#exchanges.size;
  }

  add(exchange: Exchange): void {
    this.#exchanges.add(exchange);
  }

  delete(exchange: Exchange): void {
    this.#exchanges.delete(exchange);
    if (this.#exchanges.size === 0) this.#onEmpty?.();
  }

  /** Breaks off everything that `which` picks; each leaves its record. */
  interrupt(which: (exchange: Exchange) => boolean = () => true): void {
    for (const exchange of this.#exchanges) if (which(exchange)) exchange.interrupt();
  }

  /** Resolves when nothing is left, or after `ms`. */
  empty(ms: number): Promise<void> {
    if (this.#exchanges.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
