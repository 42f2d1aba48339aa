import type { ServerResponse } from "node:http";
import type { Stoppable } from "../../../collector/kernel/lifecycle.ts";
import { CLIENT_CAPABILITIES_KEY, PROTOCOL_VERSION_KEY, SUBSCRIPTION_ID_KEY, metaOf } from "../../era/classify.ts";
import { isObject, serialize, type JsonObject, type Message } from "../../transport/envelope.ts";
import { INVALID_PARAMS, OVERLOADED, UNSUPPORTED_VERSION, UPSTREAM_FAILED } from "../../transport/rpc-error.ts";
import type { CallHeaders, Child } from "./child.ts";
import type { Between, Launcher } from "./launcher.ts";
import { PendingAnswer, reply, replyError, statusFor as ownStatusFor } from "./pending-answer.ts";

interface InFlight {
  readonly answer: PendingAnswer;
  readonly id: unknown;
  readonly progressToken: unknown;
}

/**
 * Newest-era clients share one child: their messages stand alone, so only what refers to another message is rewritten, the
 * ids, progress tokens and subscription ids, because two clients may well choose the same.
 */
export class SharedChild implements Stoppable {
  readonly #launcher: Launcher;
  readonly #idleMs: number;
  readonly #versions: readonly string[];
  readonly #bridge: Between | undefined;
  readonly #onLost: () => void;
  readonly #inFlight = new Map<number, InFlight>();
  #child: Child | null = null;
  #lastId = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(launcher: Launcher, options: { idleMs: number; versions: readonly string[]; bridge?: Between | undefined; onLost: () => void }) {
    this.#launcher = launcher;
    this.#idleMs = options.idleMs;
    this.#versions = options.versions;
    this.#bridge = options.bridge;
    this.#onLost = options.onLost;
  }

  /** It has a child. */
  get inUse(): boolean {
    return this.#child !== null;
  }

  /** Somebody waits for an answer of it. */
  get isBusy(): boolean {
    return this.#inFlight.size > 0;
  }

  post(message: Message, version: string, headers: CallHeaders, response: ServerResponse): void {
    if (!this.#versions.includes(version)) {
      return replyError(response, 400, message.id, UNSUPPORTED_VERSION, "Unsupported protocol version", { supported: this.#versions, requested: version });
    }
    if (message.kind === "request" && !isObject(metaOf(message.params)?.[CLIENT_CAPABILITIES_KEY])) {
      return replyError(response, 400, message.id, INVALID_PARAMS, `params._meta["${CLIENT_CAPABILITIES_KEY}"] is missing`);
    }
    const child = (this.#child ??= this.#start());
    if (child === null) return replyError(response, 503, message.id, OVERLOADED, "The server's process is being restarted.");
    this.#touch();
    if (message.kind === "request") this.#request(child, message, version, headers, response);
    else {
      // A cancellation names an id of the client's own; over HTTP closing the response says the same.
      if (message.method !== "notifications/cancelled") child.send(serialize(message), headers);
      reply(response, 202, "");
    }
  }

  async stop(): Promise<void> {
    clearTimeout(this.#idle);
    const child = this.#child;
    this.#lost();
    if (child) await this.#launcher.stop(child);
  }

  #start(): Child | null {
    const child = this.#launcher.start((message, about) => this.#received(message, about), this.#bridge);
    void child?.exited.then(() => {
      if (this.#child === child) this.#lost();
    });
    return child;
  }

  #request(child: Child, message: Message, version: string, headers: CallHeaders, response: ServerResponse): void {
    const own = ++this.#lastId;
    const meta = metaOf(message.params);
    const answer = new PendingAnswer(response, {}, () => {
      if (!this.#inFlight.delete(own)) return;
      child.send(
        JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: own, _meta: { [PROTOCOL_VERSION_KEY]: version } } }),
      );
    });
    this.#inFlight.set(own, { answer, id: message.body.id, progressToken: meta?.progressToken });
    message.body.id = own;
    if (meta?.progressToken !== undefined) meta.progressToken = own;
    if (child.send(serialize(message), headers)) return;
    this.#inFlight.delete(own);
    replyError(response, 502, message.id, UPSTREAM_FAILED, "The server's process has ended.");
  }

  #received(message: JsonObject, about: unknown): void {
    this.#touch();
    if (message.method === undefined) {
      const found = this.#inFlight.get(message.id as number);
      if (!found) return;
      this.#inFlight.delete(message.id as number);
      if (isObject(message.result)) restoreSubscription(message.result, found);
      found.answer.answer({ ...message, id: found.id }, statusFor(message.error));
      return;
    }
    // The newest revision has no requests from servers; there is nobody to answer one.
    if (message.id === undefined) this.#notify(message, about);
  }

  #notify(message: JsonObject, about: unknown): void {
    const params = isObject(message.params) ? message.params : {};
    const token = about ?? (message.method === "notifications/progress" ? params.progressToken : metaOf(params)?.[SUBSCRIPTION_ID_KEY]);
    const known = token === undefined ? undefined : this.#inFlight.get(Number(token));
    // What belongs to no call is told to nobody, unless there is only one whom it can be for.
    const target = known ?? (token === undefined && this.#inFlight.size === 1 ? [...this.#inFlight.values()][0] : undefined);
    if (!target) return;
    if (known && message.method === "notifications/progress") params.progressToken = known.progressToken;
    restoreSubscription(params, target);
    target.answer.event(message);
  }

  #touch(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#inFlight.size > 0) this.#touch();
      else void this.stop();
    }, this.#idleMs);
    this.#idle.unref();
  }

  #lost(): void {
    this.#child = null;
    for (const { answer } of this.#inFlight.values()) answer.fail();
    this.#inFlight.clear();
    this.#onLost();
  }
}

/** Over HTTP some errors have a status that goes with them; a client decides by it which era it is talking to. */
const errorStatus: ReadonlyMap<unknown, number> = new Map([
  [-32601, 404],
  [-32020, 400],
  [-32021, 400],
  [UNSUPPORTED_VERSION, 400],
]);

function statusFor(error: unknown): number {
  return isObject(error) ? (errorStatus.get(error.code) ?? ownStatusFor(error)) : 200;
}

function restoreSubscription(holder: JsonObject, call: InFlight): void {
  const meta = metaOf(holder);
  if (meta && meta[SUBSCRIPTION_ID_KEY] !== undefined) meta[SUBSCRIPTION_ID_KEY] = call.id;
}
