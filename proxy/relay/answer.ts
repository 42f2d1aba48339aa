import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { EventSplitter } from "../transport/event-stream.ts";
import { MessageScan, type MessageFacts } from "../transport/message-scan.ts";
import * as rpc from "../transport/rpc-error.ts";
import { responseHeaders } from "../upstream/headers.ts";
import type { RunningDigest } from "./digest.ts";
import type { Exchange, Recorded } from "./exchange.ts";
import { AnswerFault } from "./forward.ts";
import { endingOf, endingWithoutAnswer } from "./outcome.ts";

/** A message up to this size waits whole for its record; of a larger one the last piece does. */
const HELD_BYTES = 256 * 1024;
const ONE_WRITE_BYTES = 16 * 1024;

/**
 * Passes an upstream's answer to the client byte for byte, and holds back what completes the message until its record is
 * on disk. Of a stream of events everything before the final response passes at once. Pauses the upstream while the
 * client is slow to read or the record is being written, so that little is ever held.
 */
export class AnswerRelay {
  readonly #exchange: Exchange;
  readonly #controller: Dispatcher.DispatchController;
  readonly #status: number;
  readonly #headers: Record<string, string>;
  readonly #longLived: boolean;
  readonly #events: EventSplitter | null;
  readonly #scan = new MessageScan();
  #digest: RunningDigest | null = null;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #gate: Promise<void> | null = null;
  #ended = false;

  constructor(exchange: Exchange, controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders, longLived: boolean) {
    this.#exchange = exchange;
    this.#controller = controller;
    this.#status = status;
    this.#longLived = longLived;
    this.#headers = responseHeaders(headers);
    const sessionId = headers["mcp-session-id"];
    if (typeof sessionId === "string" && !exchange.call.modern) this.#sealSession(sessionId);
    const isEvents = String(headers["content-type"] ?? "").startsWith("text/event-stream");
    this.#events = isEvents ? new EventSplitter({ bytes: (b) => this.#hold(b), event: (f) => this.#event(f), data: (b) => this.#hash(b) }) : null;
    if (!isEvents && Number(headers["content-length"] ?? 0) > exchange.context.config.maxResultBytes) throw tooLarge();
    exchange.response.on("drain", () => {
      if (this.#gate === null) controller.resume();
    });
    // A stream may stay silent for long, and its client waits for the headers.
    if (isEvents) exchange.response.writeHead(status, this.#headers).flushHeaders();
  }

  data(chunk: Buffer): void {
    const { call, context } = this.#exchange;
    call.resultBytes += chunk.length;
    if (this.#events) {
      this.#events.push(chunk);
      // What is no message need not wait: the comments that keep a connection open come alone.
      if (this.#gate === null && !this.#events.midEvent) this.#release();
    } else {
      if (call.resultBytes > context.config.maxResultBytes) throw tooLarge();
      this.#scan.push(chunk);
      if (this.#held.length > 0 || this.#digest) this.#hash(chunk);
      this.#hold(chunk);
    }
  }

  end(): void {
    this.#ended = true;
    const { recorded, call } = this.#exchange;
    if (this.#events === null) {
      call.resultDigest = this.#wholeDigest();
      const facts = call.resultBytes === 0 ? null : this.#scan.facts();
      const expectsAnswer = call.message?.kind === "request" && this.#status !== 202;
      return this.#record(() => this.#exchange.record(endingOf(facts, this.#status, expectsAnswer)));
    }
    if (this.#longLived && !recorded) {
      call.resultDigest = "";
      return this.#record(() => this.#exchange.record({ outcome: "ok", httpStatus: this.#status }));
    }
    if (!recorded) {
      const { resumable } = this.#events;
      return this.#record(() => this.#exchange.record(endingWithoutAnswer(resumable, this.#status)));
    }
    if (this.#gate === null) this.#release();
  }

  /** An event is complete, its bytes held. Of a listening stream the responses are answers to earlier calls. */
  #event(facts: MessageFacts | null): void {
    const final = facts !== null && (facts.kind === "result" || facts.kind === "error");
    const { call } = this.#exchange;
    if (final && !this.#exchange.recorded) {
      call.answered();
      call.resultDigest = this.#digest?.digest() ?? "";
      const ending = endingOf(facts, this.#status, true);
      if (call.message === null) this.#record(() => this.#appendResumed(facts, ending));
      else this.#record(() => this.#exchange.record(ending));
    } else if (this.#gate === null) this.#release();
    this.#digest = null;
  }

  /** The answer to a call whose own stream broke off: the record names the call by its id and session. */
  #appendResumed(facts: MessageFacts, ending: ReturnType<typeof endingOf>): Recorded {
    const { call } = this.#exchange;
    call.answeredRpcId = facts.id.replace(/^"|"$/g, "");
    try {
      return this.#exchange.append(ending);
    } finally {
      call.answeredRpcId = "";
      call.resultDigest = "";
    }
  }

  /** Writes a record, and lets go of what is held once that is durable. */
  #record(write: () => Recorded): void {
    let durable: Promise<void>;
    try {
      durable = write().durable;
    } catch (error) {
      return this.#withhold(error);
    }
    this.#gate = durable;
    if (!this.#ended) this.#controller.pause();
    durable.then(
      () => {
        // A later record is waited for instead: it became durable after this one.
        if (this.#gate !== durable) return;
        this.#gate = null;
        this.#release();
        if (!this.#ended) this.#controller.resume();
      },
      (error: unknown) => this.#withhold(error),
    );
  }

  #withhold(error: unknown): void {
    this.#held = [];
    this.#exchange.unrecorded(error);
  }

  #hold(chunk: Buffer): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes <= HELD_BYTES || this.#gate !== null) return;
    const last = this.#held.pop()!;
    this.#pass();
    this.#held.push(last);
    this.#heldBytes = last.length;
  }

  /** Sends what is held, and ends the response when the upstream has. */
  #release(): void {
    const { response } = this.#exchange;
    if (response.destroyed) return;
    if (this.#ended && !response.headersSent) this.#headers["content-length"] = String(this.#heldBytes);
    if (this.#ended && this.#held.length <= 1) {
      const only = this.#held[0];
      const together = !response.headersSent && only !== undefined && only.length <= ONE_WRITE_BYTES;
      if (!response.headersSent) response.writeHead(this.#status, this.#headers);
      // As text of the headers' own encoding it is sent with them in one write, instead of gathered from two.
      if (together) response.end(only.toString("latin1"), "latin1");
      else response.end(only);
    } else {
      this.#pass();
      if (this.#ended) response.end();
    }
    this.#held = [];
    this.#heldBytes = 0;
  }

  #pass(): void {
    const { response } = this.#exchange;
    if (!response.headersSent) response.writeHead(this.#status, this.#headers);
    let room = true;
    for (const chunk of this.#held) room = response.write(chunk);
    this.#held = [];
    this.#heldBytes = 0;
    if (!room && !this.#ended) this.#controller.pause();
  }

  #hash(chunk: Buffer): void {
    if (this.#digest === null) {
      this.#digest = this.#exchange.context.digester.start();
      if (this.#events === null) for (const before of this.#held) this.#digest.update(before);
    }
    this.#digest.update(chunk);
  }

  #wholeDigest(): string {
    if (this.#digest) return this.#digest.digest();
    const only = this.#held[0];
    return only === undefined ? "" : this.#exchange.context.digester.bytes(only);
  }

  #sealSession(upstreamId: string): void {
    const { call, context } = this.#exchange;
    const { identity } = call;
    if (identity === null) return;
    call.sessionId = upstreamId;
    this.#headers["mcp-session-id"] = context.sessions.seal(upstreamId, { server: call.serverName, agent: identity.agent, principal: identity.principal });
  }
}

function tooLarge(): AnswerFault {
  return new AnswerFault({
    status: 502,
    code: rpc.TOO_LARGE,
    message: "The server's answer is larger than this proxy passes on.",
    outcome: "transport_error",
    errorType: "result_too_large",
  });
}
