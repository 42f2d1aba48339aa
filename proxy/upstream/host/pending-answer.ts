import type { ServerResponse } from "node:http";
import { isObject, type RpcId } from "../../transport/envelope.ts";
import { CREDENTIAL_REFUSED, NO_COMMON_ERA, OVERLOADED, UPSTREAM_FAILED, errorBody } from "../../transport/rpc-error.ts";

/**
 * The response to one POST: a JSON object when the answer is the first thing to say, a stream of events when the server
 * has something to say before it.
 */
export class PendingAnswer {
  readonly #response: ServerResponse;
  readonly #headers: Readonly<Record<string, string>>;
  #done = false;

  /** `onGone` is called when the caller leaves before its answer. */
  constructor(response: ServerResponse, headers: Readonly<Record<string, string>>, onGone: () => void) {
    this.#response = response;
    this.#headers = headers;
    response.once("close", () => {
      if (this.#done) return;
      this.#done = true;
      onGone();
    });
  }

  /** Something before the answer: a notification, or a request of the server's. */
  event(message: unknown): void {
    if (this.#done) return;
    if (!this.#response.headersSent) this.#response.writeHead(200, { ...this.#headers, "content-type": "text/event-stream", "cache-control": "no-cache" });
    writeEvent(this.#response, message);
  }

  /** `status` counts when nothing was sent before. */
  answer(message: unknown, status = 200): void {
    if (this.#done) return;
    this.#done = true;
    if (this.#response.headersSent) {
      writeEvent(this.#response, message);
      this.#response.end();
    } else reply(this.#response, status, JSON.stringify(message), this.#headers);
  }

  /** The answer will come from elsewhere. False when it has begun already, or nobody waits for it. */
  takeBack(): boolean {
    if (this.#done || this.#response.headersSent) return false;
    return (this.#done = true);
  }

  /** There will be no answer, because the server has gone. */
  fail(): void {
    if (this.#done) return;
    this.#done = true;
    this.#response.destroy();
  }
}

/** The host's own failures have a status that says whose they are; a worker gets another credential at a 401. */
const ownStatus: ReadonlyMap<unknown, number> = new Map([
  [NO_COMMON_ERA, 502],
  [CREDENTIAL_REFUSED, 401],
  [OVERLOADED, 503],
  [UPSTREAM_FAILED, 502],
]);

export function statusFor(error: unknown): number {
  return isObject(error) ? (ownStatus.get(error.code) ?? 200) : 200;
}

export function writeEvent(response: ServerResponse, message: unknown): boolean {
  return response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
}

export function reply(response: ServerResponse, status: number, body: string, headers: Readonly<Record<string, string>> = {}): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, { ...headers, ...(body === "" ? {} : { "content-type": "application/json" }), "content-length": Buffer.byteLength(body) });
  response.end(body);
}

export function replyError(response: ServerResponse, status: number, id: RpcId | null, code: number, message: string, data?: unknown): void {
  reply(response, status, errorBody(id, code, message, data));
}
