import type { IncomingHttpHeaders } from "node:http";
import { EventSplitter, eventData, withEventData } from "../transport/event-stream.ts";
import { MessageScan, type MessageFacts } from "../transport/message-scan.ts";
import * as rpc from "../transport/rpc-error.ts";
import { responseHeaders } from "../upstream/headers.ts";
import type { ResponseControl } from "../upstream/http/response.ts";
import type { AnswerHandling, Handled, HandledQuestion, HandlingPlan } from "./answer-handling.ts";
import type { Ending } from "./call.ts";
import type { RunningDigest } from "./digest.ts";
import type { Exchange, Recorded } from "./exchange.ts";
import { AnswerFault } from "./forward.ts";
import { endingOf, endingWithoutAnswer } from "./outcome.ts";
import { JSON_TYPE, type PayloadTap } from "./payloads.ts";
import { questionOf, readQuestion } from "./question.ts";
import type { Refusal } from "./refusal.ts";

/** A message up to this size waits whole for its record; of a larger one the last piece does. */
const HELD_BYTES = 256 * 1024;
const ONE_WRITE_BYTES = 16 * 1024;
const nothing = Buffer.alloc(0);

/**
 * Passes an upstream's answer to the client byte for byte, and holds back what completes the message until its record is
 * on disk. Of a stream of events everything before the final response passes at once. Pauses the upstream while the
 * client is slow to read or the record is being written, so that little is ever held. Where the answer's text is to be
 * looked at (handling), a message that answers is held until it is whole, and something else may take its place.
 */
export class AnswerRelay {
  readonly #exchange: Exchange;
  readonly #control: ResponseControl;
  #status: number;
  readonly #headers: Record<string, string>;
  readonly #longLived: boolean;
  readonly #events: EventSplitter | null;
  readonly #handling: AnswerHandling | undefined;
  readonly #plan: HandlingPlan | null;
  readonly #scan = new MessageScan();
  /** Of an answer that passes without being looked at, where results are kept. */
  readonly #tap: PayloadTap | null;
  #digest: RunningDigest | null = null;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Where an answer is looked at whole: of the event that is arriving. */
  #arriving: Buffer[] = [];
  #arrivingBytes = 0;
  /** While set, nothing that is held may leave. */
  #gate: Promise<void> | null = null;
  /** The last message that is being looked at and takes its time. */
  #looking: Promise<void> | null = null;
  /** A body that is looked at. */
  #whole: Buffer = nothing;
  /** The call's answer is here, and is being looked at or was recorded. */
  #answered = false;
  #ended = false;
  #waitsForRoom = false;

  constructor(exchange: Exchange, control: ResponseControl, status: number, headers: IncomingHttpHeaders, longLived: boolean) {
    this.#exchange = exchange;
    this.#control = control;
    this.#status = status;
    this.#longLived = longLived;
    this.#headers = responseHeaders(headers);
    const sessionId = headers["mcp-session-id"];
    if (typeof sessionId === "string" && !exchange.call.modern) this.#sealSession(sessionId);
    this.#handling = exchange.context.handling;
    this.#plan = this.#handling?.prepare(exchange.call) ?? null;
    this.#tap = this.#plan === null ? (exchange.context.payloads?.tap(exchange.call) ?? null) : null;
    if (this.#plan !== null) readAsUtf8(this.#headers);
    const isEvents = String(headers["content-type"] ?? "").startsWith("text/event-stream");
    this.#events = isEvents ? new EventSplitter({ bytes: (b) => (this.#plan === null ? this.#hold(b) : this.#arrive(b)), event: (f) => this.#event(f), data: (b) => this.#eventData(b) }) : null;
    if (!isEvents && Number(headers["content-length"] ?? 0) > exchange.context.config.maxResultBytes) throw tooLarge();
    // A stream may stay silent for long, and its client waits for the headers.
    if (isEvents) exchange.response.writeHead(status, this.#headers).flushHeaders();
  }

  data(chunk: Buffer): void {
    const { call, context } = this.#exchange;
    if (this.#ended) return;
    call.resultBytes += chunk.length;
    if (this.#events) {
      this.#events.push(chunk);
      // What is no message need not wait: the comments that keep a connection open come alone.
      if (!this.#events.midEvent) {
        this.#arrived();
        if (this.#gate === null) this.#release();
      }
    } else {
      if (call.resultBytes > context.config.maxResultBytes) throw tooLarge();
      this.#scan.push(chunk);
      this.#tap?.push(chunk);
      if (this.#held.length > 0 || this.#digest) this.#hash(chunk);
      this.#hold(chunk);
    }
  }

  end(): void {
    this.#ended = true;
    const { call } = this.#exchange;
    if (this.#events === null) {
      call.resultDigest = this.#wholeDigest();
      const facts = call.resultBytes === 0 ? null : this.#scan.facts();
      const expectsAnswer = call.message?.kind === "request" && this.#status !== 202;
      const ending = endingOf(facts, this.#status, expectsAnswer);
      if (this.#plan !== null && facts !== null) return this.#handle(this.#plan, this.#take(), ending, (handled) => this.#asBody(handled), (e) => this.#exchange.record(e));
      if (facts !== null) call.answer = this.#tap?.take(this.#headers["content-type"] ?? "") ?? null;
      return this.#record(() => this.#exchange.record(ending));
    }
    // An event that was not ended is none, but some clients read it all the same: what nobody looked at does not leave.
    if (this.#plan === null || !this.#events.midEvent) this.#arrived();
    if (this.#looking === null) this.#endEvents();
    else void this.#looking.then(() => this.#endEvents());
  }

  #endEvents(): void {
    const { recorded, call } = this.#exchange;
    if (this.#longLived && !recorded) {
      call.resultDigest = "";
      return this.#record(() => this.#exchange.record({ outcome: "ok", httpStatus: this.#status }));
    }
    if (!recorded) {
      const resumable = this.#events?.resumable ?? false;
      return this.#record(() => this.#exchange.record(endingWithoutAnswer(resumable, this.#status)));
    }
    if (this.#gate === null) this.#release();
  }

  /** An event is complete, its bytes held. Of a listening stream the responses are answers to earlier calls. */
  #event(facts: MessageFacts | null): void {
    const { call } = this.#exchange;
    if (this.#plan !== null) this.#wholeEvent(this.#plan, facts);
    else if (facts !== null && (facts.kind === "result" || facts.kind === "error") && !this.#exchange.recorded) {
      this.#noteAnswer();
      call.answer = this.#tap?.take(JSON_TYPE) ?? null;
      const ending = endingOf(facts, this.#status, true);
      this.#record(() => (call.message === null ? this.#appendResumed(facts, ending) : this.#exchange.record(ending)));
    } else if (facts?.kind === "request") this.#passRequest(facts);
    else if (this.#gate === null) this.#release();
    this.#digest = null;
    this.#tap?.reset();
  }

  #wholeEvent(plan: HandlingPlan, facts: MessageFacts | null): void {
    const { call } = this.#exchange;
    const isMessage = facts !== null && (facts.answers || facts.kind === "none");
    if (!isMessage) {
      if (facts?.kind === "request" && this.#ask(plan, facts)) return;
      this.#arrived();
      if (this.#gate === null) this.#release();
      return;
    }
    const event = Buffer.concat(this.#arriving.splice(0));
    this.#arrivingBytes = 0;
    // A call has one answer, and what is neither request nor answer has no reader: nothing passes by unread behind it.
    if (!facts.answers || (this.#answered && call.message !== null)) return;
    this.#answered = call.message !== null;
    this.#noteAnswer();
    const { resultDigest } = call;
    const ending = endingOf(facts.kind === "request" ? { ...facts, kind: "result" } : facts, this.#status, true);
    const place = ({ bytes }: Handled): Buffer => (bytes === null ? event : withEventData(event, bytes));
    this.#handle(plan, eventData(event), ending, place, (e) => {
      if (call.message !== null) return this.#exchange.record(e);
      call.resultDigest = resultDigest;
      return this.#appendResumed(facts, e);
    });
  }

  /** A notification passes. What the server asks the client, as servers of the older protocol do, is on record before. */
  #passRequest(facts: MessageFacts): void {
    const asked = questionOf(facts);
    if (asked !== null) this.#record(() => this.#exchange.appendQuestion(asked.method, asked.id));
    else if (this.#gate === null) this.#release();
  }

  /** The same where what is said is looked at. False where it is no question, and passes. */
  #ask(plan: HandlingPlan, facts: MessageFacts): boolean {
    const asked = questionOf(facts);
    if (asked === null || this.#handling?.question === undefined) return false;
    const { call } = this.#exchange;
    const event = Buffer.concat(this.#arriving.splice(0));
    this.#arrivingBytes = 0;
    if (this.#answered && call.message !== null) return true;
    const message = readQuestion(eventData(event));
    if (message === null) return true;
    const handled = this.#handling.question(call, plan, message.params);
    if (handled.ending !== undefined) this.#refuseQuestion(asked, handled);
    else {
      this.#hold(handled.params === message.params ? event : withEventData(event, Buffer.from(JSON.stringify({ ...message, params: handled.params }))));
      this.#record(() => {
        const recorded = this.#exchange.appendQuestion(asked.method, asked.id, handled);
        this.#handling?.recorded?.(call, handled, recorded.callId);
        return recorded;
      });
    }
    return true;
  }

  /** The client is not asked. Its call gets an answer in place of the question, and the server is told that nobody waits. */
  #refuseQuestion(asked: { method: string; id: string }, handled: HandledQuestion): void {
    const { call, response } = this.#exchange;
    // On a stream of its own nothing says whose call it is about; it stays unanswered.
    if (call.message === null || handled.bytes === null) return this.#record(() => this.#exchange.appendQuestion(asked.method, asked.id, handled));
    this.#answered = true;
    call.answered();
    call.handling = handled.handling;
    call.handlingFindings = [...handled.findings];
    this.#hold(withEventData(nothing, handled.bytes));
    response.once("finish", () => this.#control.abort(new Error("the client is not asked this")));
    this.#record(() => {
      const recorded = this.#exchange.record(handled.ending!);
      this.#ended = true;
      return recorded;
    });
  }

  #noteAnswer(): void {
    const { call } = this.#exchange;
    call.answered();
    call.resultDigest = this.#digest?.digest() ?? "";
  }

  /** Has a whole message looked at, and then records it with what came of that and lets go of it. One after the other. */
  #handle(plan: HandlingPlan, bytes: Buffer, ending: Ending, place: (handled: Handled) => Buffer, write: (ending: Ending) => Recorded): void {
    const { call } = this.#exchange;
    const conclude = (handled: Handled): void => {
      // Its client may have left meanwhile, and that was recorded.
      if (call.message !== null && this.#exchange.recorded) return;
      call.handling = handled.handling;
      call.handlingFindings = [...handled.findings];
      this.#hold(place(handled));
      call.answer = this.#exchange.context.payloads?.answerOf(call, handled.bytes ?? bytes, this.#events === null ? (this.#headers["content-type"] ?? "") : JSON_TYPE) ?? null;
      this.#record(() => {
        const recorded = write(handled.ending ?? ending);
        this.#handling?.recorded?.(call, handled, recorded.callId);
        return recorded;
      });
    };
    const look = (): Handled | Promise<Handled> => this.#handling!.finish(call, plan, bytes);
    if (this.#looking === null) {
      let handled: Handled | Promise<Handled>;
      try {
        handled = look();
      } catch (error) {
        return this.#unhandled(error);
      }
      if (!(handled instanceof Promise)) return conclude(handled);
      this.#wait(handled.then(conclude));
    } else this.#wait(this.#looking.then(look).then(conclude));
  }

  /** Until this is done nothing leaves. */
  #wait(looking: Promise<void>): void {
    const gate = looking.catch((error: unknown) => this.#unhandled(error)).then(() => {
      if (this.#looking === gate) this.#looking = null;
      if (this.#gate !== gate) return;
      this.#gate = null;
      this.#release();
    });
    this.#looking = gate;
    this.#gate = gate;
    if (!this.#ended) this.#control.pause();
  }

  /** What could not be looked at is not passed on. */
  #unhandled(error: unknown): void {
    const { context, response, recorded, call } = this.#exchange;
    context.logger.error({ err: error }, "an answer could not be looked at; it is withheld");
    this.#held = [];
    if (recorded && call.message !== null) return;
    call.handling = "block";
    call.handlingFindings = ["handling_failed"];
    if (!response.headersSent) return void this.#exchange.refuse(withheld);
    try {
      const { durable } = this.#exchange.record({ outcome: withheld.outcome, errorType: "handling_failed", httpStatus: this.#status });
      durable.catch(() => {}).finally(() => response.destroy());
    } catch (fault) {
      this.#exchange.unrecorded(fault);
    }
  }

  /** What takes a body's place is JSON of ours, and with an ending of its own also a status. */
  #asBody({ bytes, ending }: Handled): Buffer {
    if (bytes === null) return this.#whole;
    this.#headers["content-type"] = "application/json";
    delete this.#headers.etag;
    delete this.#headers["content-length"];
    if (ending !== undefined) this.#status = ending.httpStatus;
    return bytes;
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
      call.handling = "pass";
      call.handlingFindings = [];
      call.answer = null;
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
    if (!this.#ended) this.#control.pause();
    durable.then(
      () => {
        // A later record is waited for instead: it became durable after this one.
        if (this.#gate !== durable) return;
        this.#gate = this.#looking;
        this.#release();
        if (!this.#ended) this.#control.resume();
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
    if (this.#heldBytes <= HELD_BYTES || this.#gate !== null || this.#plan !== null) return;
    const last = this.#held.pop()!;
    this.#pass();
    this.#held.push(last);
    this.#heldBytes = last.length;
  }

  #arrive(chunk: Buffer): void {
    this.#arriving.push(chunk);
    this.#arrivingBytes += chunk.length;
    if (this.#arrivingBytes > this.#exchange.context.config.maxResultBytes) throw tooLarge();
  }

  /** What arrived is no answer: it may leave when what was held before it has left. */
  #arrived(): void {
    for (const chunk of this.#arriving) this.#hold(chunk);
    this.#arriving = [];
    this.#arrivingBytes = 0;
  }

  /** Everything that is held, as one. */
  #take(): Buffer {
    this.#whole = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held, this.#heldBytes);
    this.#held = [];
    this.#heldBytes = 0;
    return this.#whole;
  }

  /** Sends what is held, and ends the response when the upstream has, unless a message is still being looked at. */
  #release(): void {
    const { response } = this.#exchange;
    if (response.destroyed) return;
    const last = this.#ended && this.#looking === null;
    if (last && !response.headersSent) this.#headers["content-length"] = String(this.#heldBytes);
    if (last && this.#held.length <= 1) {
      const only = this.#held[0];
      const together = !response.headersSent && only !== undefined && only.length <= ONE_WRITE_BYTES;
      if (!response.headersSent) response.writeHead(this.#status, this.#headers);
      // As text of the headers' own encoding it is sent with them in one write, instead of gathered from two.
      if (together) response.end(only.toString("latin1"), "latin1");
      else response.end(only);
    } else {
      this.#pass();
      if (last) response.end();
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
    if (!room && !this.#ended) this.#waitForRoom();
  }

  #waitForRoom(): void {
    this.#control.pause();
    if (this.#waitsForRoom) return;
    this.#waitsForRoom = true;
    this.#exchange.response.once("drain", () => {
      this.#waitsForRoom = false;
      if (this.#gate === null) this.#control.resume();
    });
  }

  #eventData(chunk: Buffer): void {
    this.#hash(chunk);
    this.#tap?.push(chunk);
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

/** What is looked at as UTF-8 must not be read as anything else: another charset would hide what it says. */
function readAsUtf8(headers: Record<string, string>): void {
  const type = headers["content-type"] ?? "";
  if (/charset/i.test(type) && !/;\s*charset\s*=\s*"?utf-8"?\s*$/i.test(type)) headers["content-type"] = type.split(";", 1)[0]!;
}

const withheld: Refusal = { status: 502, code: rpc.UPSTREAM_FAILED, message: "The server's answer could not be inspected and is withheld.", outcome: "quarantined", errorType: "handling_failed" };

function tooLarge(): AnswerFault {
  return new AnswerFault({
    status: 502,
    code: rpc.TOO_LARGE,
    message: "The server's answer is larger than this proxy passes on.",
    outcome: "transport_error",
    errorType: "result_too_large",
  });
}
