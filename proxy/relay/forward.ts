import type { IncomingHttpHeaders } from "node:http";
import * as rpc from "../transport/rpc-error.ts";
import { serialize } from "../transport/envelope.ts";
import { MISDIRECTED } from "../upstream/host/hosted-path.ts";
import { requestHeaders } from "../upstream/headers.ts";
import type { ResponseControl, ResponseReader } from "../upstream/http/response.ts";
import { readChallenge } from "../upstream/credentials/challenge.ts";
import type { RefusedCredential } from "../upstream/credentials/credentials.ts";
import type { BridgeWay, Upstream } from "../upstream/upstreams.ts";
import { AnswerRelay } from "./answer.ts";
import type { Exchange, UpstreamCall } from "./exchange.ts";
import { MAX_REFUSAL_BYTES, mayRefuseEra, noteLegacy, noteModern, refusesEra, wayFor } from "./other-era.ts";
import type { Refusal } from "./refusal.ts";
import { newSpanId } from "./trace.ts";

export interface ForwardOptions {
  readonly method: "POST" | "GET" | "DELETE";
  /** A stream that stays open until its client has enough: no limit in time, and closing it is how it ends. */
  readonly longLived: boolean;
  /** The proxy's own; null where the endpoint's headers say all there is. */
  readonly authorization: string | null;
  /** Asked when the upstream refuses it: another one, to send the same once more, or null. Rejects where none is to be had. */
  notAccepted(refused: RefusedCredential): Promise<string> | null;
}

/** Sends what was judged to the upstream and relays what comes back. Call after the decision, and after the intent. */
export function forward(exchange: Exchange, upstream: Upstream, options: ForwardOptions): void {
  const { call, context } = exchange;
  const way = wayFor(call, upstream, context.clock);
  const handler = new Forwarding(exchange, options, upstream, way);
  // Closing the response is how a client of the newest revision cancels: it must reach the upstream.
  exchange.upstreamCall = handler;
  exchange.longLived = options.longLived;
  call.forwarded();
  send(exchange, way, options, handler, options.authorization);
}

function send(exchange: Exchange, upstream: Upstream, options: ForwardOptions, reader: ResponseReader, authorization: string | null): void {
  const { call, request } = exchange;
  call.upstreamSpanId = newSpanId();
  const traceparent = `00-${call.traceId}-${call.upstreamSpanId}-01`;
  const body = call.message === null ? null : outboundBody(exchange, traceparent);
  upstream.client.send(
    {
      path: upstream.path,
      method: options.method,
      headers: requestHeaders(request.headers, upstream, { sessionId: call.modern ? "" : call.sessionId, traceparent, hasBody: body !== null, authorization, agent: call.identity?.agent ?? "", principal: call.identity?.principal ?? "" }),
      body,
      limitMs: options.longLived ? 0 : upstream.timeoutMs,
    },
    reader,
  );
}

/** Exactly what was judged. The newest revision carries trace context in the message, so there it becomes ours. */
function outboundBody(exchange: Exchange, traceparent: string): string {
  const message = exchange.call.message!;
  const meta = exchange.call.modern ? message.params?._meta : undefined;
  if (typeof meta === "object" && meta !== null) (meta as Record<string, unknown>).traceparent = traceparent;
  return serialize(message);
}

/** Follows one request to the upstream from its start to its end, whichever way it ends. */
class Forwarding implements ResponseReader, UpstreamCall {
  readonly #exchange: Exchange;
  readonly #options: ForwardOptions;
  readonly #upstream: Upstream;
  /** Where it was sent last: to the server, or through the bridge. */
  #way: Upstream;
  #authorization: string | null;
  /** Whether another credential was tried already: once for a 401 and once for a 403, so that no server makes us go on. */
  #tried401 = false;
  #tried403 = false;
  #control: ResponseControl | null = null;
  #answer: AnswerRelay | null = null;
  #broken: "cancelled" | "interrupted" | null = null;
  /** What the client is told, as far as it can be told anything, of a call that was broken off. */
  #why: Refusal = interrupted;
  #over = false;
  /** What the server said to a message that may be of an era which it does not speak. */
  #refusal: Refused | null = null;

  constructor(exchange: Exchange, options: ForwardOptions, upstream: Upstream, way: Upstream) {
    this.#exchange = exchange;
    this.#options = options;
    this.#upstream = upstream;
    this.#way = way;
    this.#authorization = options.authorization;
  }

  clientGone(): void {
    if (!this.#exchange.response.writableFinished) this.#break("cancelled");
  }

  interrupt(why: Refusal = interrupted): void {
    this.#why = why;
    this.#break("interrupted");
  }

  #break(how: "cancelled" | "interrupted"): void {
    if (this.#over) return;
    this.#broken ??= how;
    this.#control?.abort(new Error(how));
  }

  onRequestStart(control: ResponseControl): void {
    this.#control = control;
  }

  onResponseStart(control: ResponseControl, status: number, headers: IncomingHttpHeaders): void {
    const { call, context } = this.#exchange;
    const { bridge } = this.#upstream;
    if (bridge !== undefined) {
      if (this.#refusal !== null) {
        if (this.#bridgeFailed(bridge, status)) return;
      } else if (this.#way !== this.#upstream) {
        if (status === MISDIRECTED) {
          // The next message finds out what the server is now.
          bridge.legacyUntilMs = 0;
          throw new AnswerFault(badGateway("era_changed", "The server speaks another revision of the protocol than before; try again."));
        }
      } else if (mayRefuseEra(call, bridge, status, headers, context.clock)) {
        this.#refusal = { status, headers, chunks: [], bytes: 0, final: false };
        return;
      }
    }
    this.#start(control, status, headers);
  }

  #start(control: ResponseControl, status: number, headers: IncomingHttpHeaders): void {
    this.#exchange.call.upstreamStatus = status;
    const other = status === 401 || status === 403 ? this.#otherCredential(status, headers["www-authenticate"]) : null;
    if (other) throw new NotAccepted(other);
    const fault = unusable(status, headers);
    if (fault) throw new AnswerFault(fault);
    this.#answer = new AnswerRelay(this.#exchange, control, status, headers, this.#options.longLived);
  }

  #otherCredential(status: 401 | 403, challenge: string | string[] | undefined): Promise<string> | null {
    if (status === 401 ? this.#tried401 : this.#tried403) return null;
    if (status === 401) this.#tried401 = true;
    else this.#tried403 = true;
    return this.#options.notAccepted({ status, authorization: this.#authorization, challenge });
  }

  /** The server did nothing but refuse, so nothing is done twice. */
  async #sendAgain(other: Promise<string>): Promise<void> {
    this.#control = null;
    try {
      this.#authorization = await other;
    } catch (error) {
      this.#exchange.context.logger.warn({ err: error, server: this.#exchange.call.serverName }, "the proxy has no credential for this server");
      return this.onResponseError(null, new AnswerFault(noCredential));
    }
    if (this.#broken) return this.onResponseError(null, new Error(this.#broken));
    send(this.#exchange, this.#way, this.#options, this, this.#authorization);
  }

  /** The answer to the second attempt, through the bridge. True where it is none, and the server's own refusal stands. */
  #bridgeFailed(bridge: BridgeWay, status: number): boolean {
    const { call, context } = this.#exchange;
    const failed = status === MISDIRECTED || status >= 500;
    // Whatever the bridge lacks, room for another session too, the client is told what its server said.
    if (failed) context.logger.debug({ server: call.serverName, status }, "a message that a server refused could not be bridged");
    if (call.modern && status === MISDIRECTED) noteModern(bridge, context.clock.nowMs());
    if (call.modern && !failed) noteLegacy(bridge, context.clock.nowMs());
    return failed;
  }

  onResponseData(control: ResponseControl, chunk: Buffer): void {
    if (this.#answer !== null) return this.#answer.data(chunk);
    const refusal = this.#refusal;
    if (refusal === null || refusal.final) return;
    refusal.chunks.push(chunk);
    refusal.bytes += chunk.length;
    if (refusal.bytes > MAX_REFUSAL_BYTES) this.#giveBack(control, refusal);
  }

  /** What the server said goes to the client after all, as it was. */
  #giveBack(control: ResponseControl, refusal: Refused): void {
    this.#refusal = null;
    this.#start(control, refusal.status, refusal.headers);
    for (const chunk of refusal.chunks) this.#answer?.data(chunk);
  }

  onResponseEnd(control: ResponseControl): void {
    const refusal = this.#answer === null ? this.#refusal : null;
    if (refusal !== null) {
      const { modern } = this.#exchange.call;
      if (!refusal.final && refusesEra(modern, refusal.status, Buffer.concat(refusal.chunks))) {
        refusal.final = true;
        this.#way = this.#upstream.bridge!.upstream;
        return send(this.#exchange, this.#way, this.#options, this, this.#authorization);
      }
      this.#giveBack(control, refusal);
    }
    this.#over = true;
    this.#exchange.call.answered();
    this.#answer?.end();
  }

  onResponseError(control: ResponseControl | null, error: Error): void {
    if (error instanceof NotAccepted) return void this.#sendAgain(error.other);
    // The bridge could not be reached: what the server said is all there is to say.
    if (control !== null && this.#refusal?.final && this.#answer === null && this.#broken === null) return this.#endWith(control, this.#refusal);
    this.#over = true;
    const { call, response } = this.#exchange;
    call.answered();
    const status = response.headersSent ? response.statusCode : 0;
    if (this.#exchange.recorded) return void response.destroy();
    if (this.#broken === "cancelled" && this.#options.longLived) return this.#close({ outcome: "ok", httpStatus: status });
    if (this.#broken === "cancelled") return this.#close({ outcome: "cancelled", errorType: "cancelled", httpStatus: status });
    const refused = this.#broken ? this.#why : error instanceof AnswerFault ? error.refusal : failure(error);
    if (response.headersSent) this.#close({ outcome: refused.outcome, errorType: refused.errorType ?? "", httpStatus: status });
    else void this.#exchange.refuse(refused);
  }

  #endWith(control: ResponseControl, refusal: Refused): void {
    this.#over = true;
    this.#exchange.call.answered();
    this.#giveBack(control, refusal);
    this.#answer?.end();
  }

  /** There is nothing left to answer: the record alone says how it ended. */
  #close(ending: { outcome: Refusal["outcome"]; errorType?: string; httpStatus: number }): void {
    const { response, context } = this.#exchange;
    try {
      const { durable } = this.#exchange.record(ending);
      durable.catch((error: unknown) => context.logger.error({ err: error }, "a record could not be written")).finally(() => response.destroy());
    } catch (error) {
      this.#exchange.unrecorded(error);
    }
  }
}

/** An answer that is held while it is not known what it means. */
interface Refused {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly chunks: Buffer[];
  bytes: number;
  /** Nothing is added to it any more: the bridge has been asked. */
  final: boolean;
}

/** The upstream refused the credential, and there may be another one. */
class NotAccepted extends Error {
  readonly other: Promise<string>;

  constructor(other: Promise<string>) {
    super("the credential was not accepted");
    this.other = other;
    // It is waited for when the refused request is over, which may be after it has failed.
    other.catch(() => {});
  }
}

/** Thrown inside the reader's callbacks, which ends the upstream request with it. */
export class AnswerFault extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

const interrupted: Refusal = {
  status: 503,
  code: rpc.OVERLOADED,
  message: "The proxy is stopping; the call was cut off and its result is unknown.",
  outcome: "interrupted",
  errorType: "shutdown",
  headers: { "retry-after": "1" },
};

const badGateway = (errorType: string, message: string): Refusal => ({ status: 502, code: rpc.UPSTREAM_FAILED, message, outcome: "transport_error", errorType });

export const noCredential = badGateway("upstream_credential", "The proxy could not get its own credential for this server.");

/** Answers that must not reach a client as they are. */
function unusable(status: number, headers: IncomingHttpHeaders): Refusal | null {
  // A redirect would lead the client around the proxy; a 401 is about our credential and would start a login of the caller's.
  if (status >= 300 && status < 400) return badGateway("redirect", "The server answered with a redirect, which is not followed.");
  if (status === 401) return badGateway("401", "The server did not accept the proxy's credential.");
  if (status === 403 && readChallenge(headers["www-authenticate"])?.error === "insufficient_scope") return badGateway("insufficient_scope", "The proxy's credential for this server lacks a scope that the call needs.");
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") return badGateway("content_encoding", "The server compressed its answer without being asked to.");
  return null;
}

function failure(error: Error & { code?: string }): Refusal {
  const code = error.code ?? "";
  if (code === "RESPONSE_TIMEOUT") {
    return { status: 504, code: rpc.UPSTREAM_TIMEOUT, message: "The server did not answer in time.", outcome: "timeout", errorType: "timeout" };
  }
  if (code === "CONNECT_TIMEOUT") {
    return { status: 504, code: rpc.UPSTREAM_TIMEOUT, message: "The server could not be reached in time.", outcome: "transport_error", errorType: "connect_timeout" };
  }
  return badGateway(/^[A-Z_]{3,40}$/.test(code) ? code.toLowerCase() : "upstream_failed", "The server could not be reached, or broke off.");
}
