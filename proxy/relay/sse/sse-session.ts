import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Identity } from "../../identity/identity.ts";
import { ClientBridge } from "../../transport/bridge/client-bridge.ts";
import type { Endpoint } from "../../transport/bridge/endpoint.ts";
import type { Exchange, UpstreamCall } from "../exchange.ts";

/** Intermediaries end connections on which nothing is said. */
const KEEP_ALIVE_MS = 25_000;

/** One open stream of the 2024-11-05 transport: what the client posts goes in, what it is told comes out on the stream. */
export class SseSession implements UpstreamCall {
  readonly id: string;
  readonly server: string;
  readonly #owner: Identity;
  readonly #exchange: Exchange;
  readonly #endpoint: Endpoint;
  readonly #bridge: ClientBridge;
  readonly #onEnd: () => void;
  #stopping = false;
  #over: Promise<void> | null = null;
  #keepAlive: NodeJS.Timeout | undefined;

  constructor(exchange: Exchange, owner: Identity, endpoint: Endpoint, slot: string, onEnd: () => void) {
    this.id = `${slot}-${randomUUID()}`;
    this.server = exchange.call.serverName;
    this.#owner = owner;
    this.#exchange = exchange;
    this.#endpoint = endpoint;
    this.#onEnd = onEnd;
    const { logger } = exchange.context;
    this.#bridge = new ClientBridge({
      endpoint,
      write: (line) => writeEvent(exchange.response, line),
      tell: (text) => logger.debug({ server: this.server }, text),
    });
  }

  /** Begins the stream with the event that says where messages are to be posted. */
  open(messagesPath: string): void {
    const { response } = this.#exchange;
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no" });
    response.write(`event: endpoint\ndata: ${messagesPath}?sessionId=${this.id}\n\n`);
    this.#keepAlive = setInterval(() => response.write(": keep-alive\n\n"), KEEP_ALIVE_MS).unref();
  }

  isOf({ agent, principal, taskId }: Identity, server: string): boolean {
    return this.server === server && this.#owner.agent === agent && this.#owner.principal === principal && this.#owner.taskId === taskId;
  }

  /** Resolves when the message's place among the others is certain. */
  receive(body: Buffer, headers: Readonly<Record<string, string>>): Promise<void> {
    return this.#bridge.receive(body, headers);
  }

  clientGone(): void {
    this.#bridge.abort();
    void this.#end("ok");
  }

  /** Calls under way still get their answers, which have nowhere else to go; asked again, they do not. */
  interrupt(): void {
    if (this.#stopping) return this.clientGone();
    this.#stopping = true;
    void this.#end("interrupted");
  }

  #end(outcome: "ok" | "interrupted"): Promise<void> {
    this.#over ??= this.#finish(outcome);
    return this.#over;
  }

  async #finish(outcome: "ok" | "interrupted"): Promise<void> {
    const { response, context } = this.#exchange;
    clearInterval(this.#keepAlive);
    await this.#bridge.end();
    this.#onEnd();
    await this.#endpoint.stop();
    try {
      await this.#exchange.record({ outcome, httpStatus: 200, ...(outcome === "ok" ? {} : { errorType: "shutdown" }) }).durable;
    } catch (error) {
      context.logger.error({ err: error }, "a record could not be written");
    }
    response.end();
  }
}

/** Resolves when the stream has room again. */
function writeEvent(response: ServerResponse, line: Buffer | string): Promise<void> {
  if (response.destroyed || response.writableEnded) return Promise.resolve();
  response.write("event: message\ndata: ");
  response.write(line);
  if (response.write("\n")) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}
