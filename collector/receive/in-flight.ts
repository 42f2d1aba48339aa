import type { ServerResponse } from "node:http";

/**
 * Places for requests that are being read, decoded or inserted. A place is given back when the response is closed and the
 * work is over: a sender that hangs up does not make room while its insert still runs.
 */
export class InFlight {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Takes a place until `response` closes, or returns undefined when there is none. `run` extends it over its work. */
  enter(response: ServerResponse): (<T>(work: () => Promise<T>) => Promise<T>) | undefined {
    if (this.#taken >= this.#max) return undefined;
    this.#taken++;
    let closed = false;
    let working = false;
    response.once("close", () => {
      closed = true;
      if (!working) this.#taken--;
    });
    return async (work) => {
      working = true;
      try {
        return await work();
      } finally {
        working = false;
        if (closed) this.#taken--;
      }
    };
  }
}
