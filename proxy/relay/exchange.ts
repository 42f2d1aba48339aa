import type { IncomingMessage, ServerResponse } from "node:http";
import type { AuditLog, Intent } from "../../collector/audit/audit-log.ts";
import type { Clock } from "../../collector/kernel/clock.ts";
import type { DraftRecord } from "../../collector/record/call-record.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import type { ProxyConfig } from "../config.ts";
import type { ControlPlane } from "../control-plane.ts";
import type { LimitFacts } from "../limits/limit.ts";
import type { Entered } from "../limits/limiter.ts";
import type { ClientCertificates } from "../identity/client-certificates.ts";
import type { ResourceServer } from "../identity/oauth/resource-server.ts";
import type { HostCheck } from "../transport/host-check.ts";
import type { HeldArguments } from "../people/held-arguments.ts";
import { holdAnswer } from "../people/hold-answer.ts";
import type { ApprovalState } from "../state/control-state.ts";
import * as rpc from "../transport/rpc-error.ts";
import type { TaskActivity } from "../handling/flow/index.ts";
import type { Control } from "../state/command.ts";
import type { UpstreamCredentials } from "../upstream/credentials/credentials.ts";
import type { Upstreams } from "../upstream/upstreams.ts";
import type { AnswerHandling, Handled } from "./answer-handling.ts";
import type { Call, Ending } from "./call.ts";
import type { DenialRecords } from "./denial-records.ts";
import type { Digester } from "./digest.ts";
import type { Hints } from "./hints.ts";
import type { Ruling } from "./judge.ts";
import type { ActiveExchanges } from "./active.ts";
import type { CallPayloads } from "./payloads.ts";
import { refusalBody, refusals, rulingBody, rulingStatus, type Refusal } from "./refusal.ts";
import type { SessionBinding } from "./session-binding.ts";
import { newSpanId } from "./trace.ts";
import { continuesUnrecorded, recordOrCount } from "./unrecorded.ts";

/** What every message of a worker is relayed with. */
export interface RelayContext {
  readonly config: ProxyConfig;
  readonly controlPlane: () => ControlPlane;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly upstreams: Upstreams;
  /** Absent, no server needs one but what its endpoint says. */
  readonly credentials?: UpstreamCredentials | undefined;
  readonly digester: Digester;
  readonly control: Control;
  /** What each task has done and read. */
  readonly activity: TaskActivity;
  readonly heldArguments: Pick<HeldArguments, "put">;
  /** Takes a call's place in every limit and budget that is for it, or says which one is full. */
  readonly enter: (facts: LimitFacts, nowMs: number) => Entered;
  /** Absent, answers pass as they are. */
  readonly handling?: AnswerHandling | undefined;
  readonly denials: DenialRecords;
  /** Absent, nothing is kept of what calls say. */
  readonly payloads?: CallPayloads | undefined;
  /** What a refused caller is told that it may do instead. */
  readonly hints: (call: Call, ruling: Ruling) => Hints;
  readonly sessions: SessionBinding;
  readonly hosts: HostCheck;
  /** Absent where nobody calls by mutual TLS. */
  readonly certificates?: ClientCertificates | undefined;
  /** Absent where no authorization server is configured. */
  readonly resourceServer?: ResourceServer | undefined;
  /** Everything that is under way; its size bounds what a worker takes on. */
  readonly active: ActiveExchanges;
}

/**
 * What is under way upstream for an exchange. An object, and no two functions made for every call: those were found to
 * keep a tenth of all calls, with everything that hangs on them, from one collection of garbage to the next and longer.
 */
export interface UpstreamCall {
  /** The response is over, or its client has gone. */
  clientGone(): void;
  /** The worker has to stop, unless it is said why else. */
  interrupt(why?: Refusal): void;
}

export interface Recorded {
  /** Empty where the call was let through unrecorded. */
  readonly callId: string;
  /** It was counted with its like instead: `callId` is the last of them that has a record of its own. */
  readonly repeats?: boolean;
  /** Rejects when the record could not be written: what it describes must then not be answered. */
  readonly durable: Promise<void>;
}

const untouched = { handling: "pass", findings: [] } as const;

/** One HTTP request and its response: the message in it is recorded once, and answered after that. */
export class Exchange {
  readonly context: RelayContext;
  readonly call: Call;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Written ahead for a high-risk server. */
  intent: Intent | null = null;
  /** Among those that are under way. */
  place = -1;
  /** Gives back the place that the call has in its limits. */
  leaveLimits: (() => void) | null = null;
  upstreamCall: UpstreamCall | null = null;
  #recorded = false;

  constructor(context: RelayContext, call: Call, request: IncomingMessage, response: ServerResponse) {
    this.context = context;
    this.call = call;
    this.request = request;
    this.response = response;
    context.active.add(this);
    response.on("close", () => this.#closed());
  }

  #closed(): void {
    this.context.active.delete(this);
    this.leaveLimits?.();
    this.upstreamCall?.clientGone();
  }

  get recorded(): boolean {
    return this.#recorded;
  }

  /** True for a stream that only its client or the upstream ends. */
  longLived = false;

  interrupt(why?: Refusal): void {
    if (this.upstreamCall) this.upstreamCall.interrupt(why);
    else this.response.destroy();
  }

  /** Appends the message's one record. Throws E_AUDIT_UNAVAILABLE. */
  record(ending: Ending): Recorded {
    this.#recorded = true;
    return this.append(ending);
  }

  /** The message is in the count of a record that others like it share. */
  counted(): void {
    this.#recorded = true;
  }

  /**
   * A record of its own for what the server asks its client in the middle of a call: under the call's span, and without what
   * is the call's alone. The client's answer is a message, and has the next one.
   */
  appendQuestion(method: string, rpcId: string, { handling, findings, ending }: Pick<Handled, "handling" | "findings" | "ending"> = untouched): Recorded {
    const { call, response } = this;
    const draft = call.draft(ending ?? { outcome: "ok", httpStatus: response.statusCode });
    return this.#append({ ...draft, method, rpcId, handling, handlingFindings: [...findings], tool: "", prompt: "", resourceUri: "", effect: "", arguments: [], resultDigest: "", requestBytes: 0, resultBytes: 0, spanId: newSpanId(), parentSpanId: call.spanId });
  }

  #append(draft: DraftRecord): Recorded {
    const { audit, config } = this.context;
    if (continuesUnrecorded(config, this.call.entry)) return recordOrCount(audit, draft);
    const { seq, durable } = audit.append(draft);
    return { callId: `${audit.producer}-${seq}`, durable };
  }

  /** A record of its own for something that an open stream carried, beside the one for the stream. */
  append(ending: Ending): Recorded {
    const recorded = this.#append(this.call.draft(ending));
    this.intent?.settle();
    this.intent = null;
    this.context.payloads?.keep(this.call, recorded.callId);
    return recorded;
  }

  /** Answers in place of the upstream, once that is on record. */
  async refuse(refused: Refusal): Promise<void> {
    if (refused.reason) this.call.refusedFor = refused.reason;
    if (refused === refusals.auditUnavailable) {
      this.#recorded = true;
      return this.send(refused.status, refusalBody(refused, this.call, ""), refused.headers);
    }
    try {
      const { callId, repeats, durable } = this.context.denials.record(this, { outcome: refused.outcome, errorType: refused.errorType ?? "", httpStatus: refused.status });
      await durable;
      this.send(refused.status, refusalBody(refused, this.call, callId, repeats), refused.headers);
    } catch (error) {
      this.unrecorded(error);
    }
  }

  /** Answers with a decision against the message. */
  async rule(ruling: Ruling): Promise<void> {
    const outcome = ruling.enforced === "hold" ? "held" : "denied";
    try {
      // It follows from the message alone, so the record can come first and name the call.
      const status = rulingStatus(this.call);
      const { callId, repeats, durable } = this.context.denials.record(this, { outcome, errorType: outcome, httpStatus: status });
      await durable;
      this.send(status, rulingBody(this.call, ruling, this.context.hints(this.call, ruling), callId, repeats));
    } catch (error) {
      this.unrecorded(error);
    }
  }

  /** Answers a call that waits for a person: at once, whatever the person takes. */
  async hold(ruling: Ruling, approval: ApprovalState): Promise<void> {
    const { call } = this;
    try {
      const { callId, durable } = this.record({ outcome: "held", errorType: "held", httpStatus: 200 });
      await durable;
      const { method, modern, answeredRound } = call;
      const answer = holdAnswer({ method, modern, params: call.message?.params ?? null, approval, callId, message: ruling.result.message, answered: answeredRound });
      const id = call.message?.id ?? null;
      this.send(200, answer.kind === "result" ? rpc.resultBody(id, answer.result) : rpc.errorBody(id, answer.code, answer.message, answer.data));
    } catch (error) {
      this.unrecorded(error);
    }
  }

  /** Nothing leaves the proxy that is not on record: without one, the answer is that there is none. */
  unrecorded(error: unknown): void {
    this.#recorded = true;
    this.context.logger.error({ err: error }, "a call could not be recorded; its answer is withheld");
    if (this.response.headersSent) this.response.destroy();
    else this.send(503, refusalBody(refusals.auditUnavailable, this.call, ""), refusals.auditUnavailable.headers);
  }

  send(status: number, body: string, headers: Readonly<Record<string, string>> = {}): void {
    const { request, response } = this;
    if (response.destroyed || response.headersSent) return;
    const all: Record<string, string | number> = { "content-type": "application/json", "content-length": Buffer.byteLength(body), ...headers };
    if (!request.complete) {
      // The rest of the body is nobody's to read; a connection in the middle of one cannot be used again.
      all.connection = "close";
      request.resume();
    }
    response.writeHead(status, all);
    response.end(body);
  }
}
