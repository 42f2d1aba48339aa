import type { Exchange } from "./exchange.ts";

/**
 * What is under way in a worker. A list in which each exchange knows its place, and no Set: a Set that is added to and
 * deleted from makes itself a new table every few calls, each old one refers to the next, and so through those that
 * have grown old the garbage of every call was kept until a full collection: a tenth of a call's time.
 */
export class ActiveExchanges {
  readonly #exchanges: Exchange[] = [];
  /** True once the worker is to stop: nothing is taken on any more. */
  closed = false;
  #onEmpty: (() => void) | null = null;

  get size(): number {
    return this.#exchanges.length;
  }

  add(exchange: Exchange): void {
    exchange.place = this.#exchanges.push(exchange) - 1;
  }

  delete(exchange: Exchange): void {
    if (this.#exchanges[exchange.place] !== exchange) return;
    const last = this.#exchanges.pop()!;
    if (last !== exchange) {
      this.#exchanges[exchange.place] = last;
      last.place = exchange.place;
    }
    if (this.#exchanges.length === 0) this.#onEmpty?.();
  }

  /** Breaks off everything that `which` picks; each leaves its record. */
  interrupt(which: (exchange: Exchange) => boolean = () => true): void {
    for (const exchange of [...this.#exchanges]) if (which(exchange)) exchange.interrupt();
  }

  /** Streams that only their client or the upstream ends. */
  get longLived(): readonly Exchange[] {
    return this.#exchanges.filter((exchange) => exchange.longLived);
  }

  /** Resolves when nothing is left, or after `ms`. */
  empty(ms: number): Promise<void> {
    if (this.#exchanges.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
