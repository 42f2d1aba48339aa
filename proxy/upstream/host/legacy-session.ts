import type { ServerResponse } from "node:http";
import type { Stoppable } from "../../../collector/kernel/lifecycle.ts";
import { metaOf } from "../../era/classify.ts";
import { isObject, serialize, type JsonObject, type Message } from "../../transport/envelope.ts";
import { INVALID_REQUEST, UPSTREAM_FAILED } from "../../transport/rpc-error.ts";
import type { CallHeaders, Child } from "./child.ts";
import { PendingAnswer, reply, replyError, statusFor, writeEvent } from "./pending-answer.ts";

/** What waits for a client that has no stream open. */
const MAX_WAITING = 64;
const MAX_UNREAD_BYTES = 8 * 1024 * 1024;

interface InFlight {
  readonly answer: PendingAnswer;
  readonly progressToken: unknown;
  /** Of the message that begins the session: told how it went, with the server's refusal or null. */
  readonly begun?: (refused: JsonObject | null) => void;
}

/** One client's session with a child of its own. Ends when its client says so, when it is idle, or with the child. */
export class LegacySession implements Stoppable {
  readonly id: string;
  readonly #idleMs: number;
  readonly #onEnd: () => void;
  readonly #stopChild: (child: Child) => Promise<void>;
  readonly #inFlight = new Map<string, InFlight>();
  #child: Child | null = null;
  #stream: ServerResponse | null = null;
  #waiting: JsonObject[] = [];
  #idle: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(id: string, idleMs: number, onEnd: () => void, stopChild: (child: Child) => Promise<void>) {
    this.id = id;
    this.#idleMs = idleMs;
    this.#onEnd = onEnd;
    this.#stopChild = stopChild;
  }

  attach(child: Child): void {
    this.#child = child;
    void child.exited.then(() => this.#finish());
    this.#touch();
  }

  /**
   * The first message of a session. `begun` is told how it went; where the server refused it, nothing has been answered yet,
   * and the session is over.
   */
  begin(message: Message, headers: CallHeaders, response: ServerResponse, begun: NonNullable<InFlight["begun"]>): void {
    this.#request(message, headers, response, begun);
  }

  post(message: Message, headers: CallHeaders, response: ServerResponse): void {
    this.#touch();
    if (message.kind !== "request") {
      if (this.#send(message, headers)) reply(response, 202, "");
      else response.destroy();
      return;
    }
    this.#request(message, headers, response);
  }

  #request(message: Message, headers: CallHeaders, response: ServerResponse, begun?: InFlight["begun"]): void {
    const key = keyOf(message.id);
    if (this.#inFlight.has(key)) return replyError(response, 400, message.id, INVALID_REQUEST, "A request with this id is already under way.");
    const answer = new PendingAnswer(response, { "mcp-session-id": this.id }, () => this.#cancel(key, message));
    this.#inFlight.set(key, { answer, progressToken: metaOf(message.params)?.progressToken, ...(begun ? { begun } : {}) });
    if (this.#send(message, headers)) return;
    this.#inFlight.delete(key);
    replyError(response, 502, message.id, UPSTREAM_FAILED, "The server's process has ended.");
  }

  listen(response: ServerResponse): void {
    if (this.#stream) return replyError(response, 409, null, INVALID_REQUEST, "This session has a stream already.");
    this.#stream = response;
    response.once("close", () => {
      this.#stream = null;
      this.#touch();
    });
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache", "mcp-session-id": this.id }).flushHeaders();
    for (const message of this.#waiting.splice(0)) writeEvent(response, message);
    this.#touch();
  }

  received(message: JsonObject, about?: unknown): void {
    this.#touch();
    const isAnswer = message.method === undefined && message.id !== undefined;
    if (!isAnswer) return this.#toClient(message, about === undefined ? undefined : this.#inFlight.get(keyOf(about)));
    const key = keyOf(message.id);
    const found = this.#inFlight.get(key);
    this.#inFlight.delete(key);
    if (!found) return;
    const refused = found.begun !== undefined && message.error !== undefined && found.answer.takeBack();
    if (!refused) found.answer.answer(message, statusFor(message.error));
    found.begun?.(refused ? message : null);
    if (refused) void this.stop();
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#finish();
    if (child) await this.#stopChild(child);
  }

  /** Over pipes nothing says which call a message belongs to, except its progress token. */
  #toClient(message: JsonObject, about: InFlight | undefined): void {
    const token = message.method === "notifications/progress" && isObject(message.params) ? message.params.progressToken : undefined;
    const calls = [...this.#inFlight.values()];
    const owner = about ?? (token === undefined ? undefined : calls.find((call) => call.progressToken === token));
    const target = owner ?? (calls.length === 1 ? calls[0] : undefined);
    if (target) return target.answer.event(message);
    if (this.#stream && this.#stream.writableLength < MAX_UNREAD_BYTES) return void writeEvent(this.#stream, message);
    // With several calls and no stream, any of their streams reaches the client, and a server's question must.
    if (calls.length > 0) return calls[0]!.answer.event(message);
    this.#waiting.push(message);
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
  }

  #cancel(key: string, message: Message): void {
    if (!this.#inFlight.delete(key)) return;
    this.#child?.send(JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: message.body.id, reason: "the client closed the request" } }));
  }

  #send(message: Message, headers: CallHeaders): boolean {
    return this.#child?.send(serialize(message), headers) ?? false;
  }

  #touch(): void {
    clearTimeout(this.#idle);
    if (this.#ended) return;
    this.#idle = setTimeout(() => {
      if (this.#inFlight.size > 0 || this.#stream) this.#touch();
      else void this.stop();
    }, this.#idleMs);
    this.#idle.unref();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#idle);
    this.#onEnd();
    for (const { answer } of this.#inFlight.values()) answer.fail();
    this.#inFlight.clear();
    this.#stream?.end();
    this.#waiting = [];
  }
}

const keyOf = (id: unknown): string => JSON.stringify(String(id)) + typeof id;
