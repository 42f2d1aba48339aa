import type { Clock } from "../../collector/kernel/clock.ts";
import type { ArgumentLeaf, DraftRecord, Outcome } from "../../collector/record/call-record.ts";
import type { Identity } from "../identity/identity.ts";
import type { ReasonCode } from "../policy/decision.ts";
import { toolFacts } from "../registry/callable.ts";
import type { RoundAnswer } from "../people/hold-answer.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import type { Message, RpcId } from "../transport/envelope.ts";
import { newSpanId, newTraceId } from "./trace.ts";
import type { Ruling } from "./judge.ts";
import type { AnswerPayload } from "./payloads.ts";

/** Strings that a caller chose are cut to these lengths in a record. */
const MAX_NAME = 256;
const MAX_URI = 2048;
const MAX_SHORT = 128;

const noLeaves: ArgumentLeaf[] = [];
const noFindings: string[] = [];
const noUris: readonly string[] = [];

/** How it ended, as far as the answer tells. */
export interface Ending {
  readonly outcome: Outcome;
  /** Empty unless it failed. */
  readonly errorType?: string;
  readonly rpcCode?: string;
  /** What the client was or is about to be answered with; 0 when it had gone. */
  readonly httpStatus: number;
}

/** What is known of one inbound message; it grows as the relay works on the message, and becomes exactly one record. */
export class Call {
  readonly #clock: Clock;
  readonly #startNs: bigint;
  readonly receivedUs: number;

  serverName = "";
  entry: ServerEntry | null = null;
  registryRevision = "";
  environment = "";
  identity: Identity | null = null;
  clientAddress = "";
  clientName = "";
  clientVersion = "";

  /** Until the message is known it is named by what carried it. */
  method = "transport/post";
  message: Message | null = null;
  /** The id in a message that was not well-formed otherwise, so that its sender can tell which one it was. */
  faultId: RpcId | null = null;
  modern = false;
  protocolVersion = "";
  sessionId = "";
  tool = "";
  prompt = "";
  resourceUri = "";
  /** The resources that a listening stream asks to hear of. */
  heardOf: readonly string[] = noUris;
  arguments: ArgumentLeaf[] = noLeaves;
  requestBytes = 0;
  /** How the client answered our own round of questions about this call. */
  answeredRound: RoundAnswer = "";
  /** On a listening stream: the call that the response being recorded belongs to. */
  answeredRpcId = "";

  traceId = "";
  readonly spanId = newSpanId();
  parentSpanId = "";
  upstreamSpanId = "";
  upstreamAddress = "";
  transport: "tcp" | "pipe" = "tcp";

  ruling: Ruling | null = null;
  /** The person's decision that a held call waits for or was forwarded by. */
  approvalId = "";
  /** Empty until a version was chosen. */
  serverVersion = "";
  /** Why it was refused before a rule was asked. */
  refusedFor: ReasonCode = "malformed";
  policyVersion = "";

  #decidedUs: number | null = null;
  #forwardedUs: number | null = null;
  #answeredUs: number | null = null;
  upstreamStatus = 0;
  resultBytes = 0;
  resultDigest = "";
  /** What was done to the answer, and why (proxy/handling). */
  handling: DraftRecord["handling"] = "pass";
  handlingFindings: string[] = noFindings;
  /** The answer as the agent gets it, where results are kept (payloads.ts). */
  answer: AnswerPayload | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startNs = clock.monotonicNs();
    this.receivedUs = Number(clock.nowNs() / 1000n);
  }

  elapsedUs(): number {
    return Number(this.#clock.monotonicNs() - this.#startNs) / 1000;
  }

  decided(): void {
    this.#decidedUs = Math.round(this.elapsedUs());
  }

  forwarded(): void {
    this.#forwardedUs = Math.round(this.elapsedUs());
  }

  /** The upstream has said its last word, or its first and last when it failed. */
  answered(): void {
    this.#answeredUs ??= Math.round(this.elapsedUs());
  }

  get wasForwarded(): boolean {
    return this.#forwardedUs !== null;
  }

  draft(ending: Ending): DraftRecord {
    const { identity, entry, ruling } = this;
    const completed = Math.round(this.elapsedUs());
    const facts = entry !== null && this.tool !== "" ? toolFacts(entry, this.tool) : null;
    const upstreamUs = this.#forwardedUs === null ? 0 : (this.#answeredUs ?? completed) - this.#forwardedUs;
    return {
      receivedUs: this.receivedUs,
      decidedAfterUs: this.#decidedUs,
      forwardedAfterUs: this.#forwardedUs,
      answeredAfterUs: this.#answeredUs,
      completedAfterUs: completed,
      proxyUs: completed - upstreamUs,
      agent: identity?.agent ?? "",
      principal: identity?.principal ?? "",
      delegation: identity === null ? [] : [...identity.delegation],
      credentialId: identity?.credentialId ?? "",
      clientName: cut(this.clientName, MAX_SHORT),
      clientVersion: cut(this.clientVersion, MAX_SHORT),
      clientAddress: this.clientAddress,
      protocolVersion: cut(this.protocolVersion, MAX_SHORT),
      transport: this.transport,
      method: this.method,
      rpcId: cut(this.message === null || this.message.id === null ? this.answeredRpcId : String(this.message.id), MAX_SHORT),
      tool: cut(this.tool, MAX_NAME),
      prompt: cut(this.prompt, MAX_NAME),
      resourceUri: cut(this.resourceUri, MAX_URI),
      sessionId: cut(this.sessionId, MAX_NAME),
      taskId: identity?.taskId ?? "",
      taskClass: identity?.taskClass ?? "",
      traceId: this.traceId === "" ? (this.traceId = newTraceId()) : this.traceId,
      spanId: this.spanId,
      parentSpanId: this.parentSpanId,
      upstreamSpanId: this.upstreamSpanId,
      upstreamAddress: this.upstreamAddress,
      server: this.serverName,
      serverVersion: this.serverVersion || (entry?.version ?? ""),
      registryRevision: this.registryRevision,
      owner: entry?.owner ?? "",
      riskTier: entry?.riskTier ?? "",
      dataDomains: entry?.dataDomains ?? [],
      environment: this.environment,
      effect: facts?.effect ?? "",
      trusted: facts?.trusted ?? false,
      decision: ruling?.enforced ?? "deny",
      basis: ruling?.result.basis ?? "default",
      policyIds: ruling === null ? [] : (ruling.result.policyIds as string[]),
      policyVersion: this.policyVersion,
      reason: ruling?.result.reason ?? this.refusedFor,
      mode: entry?.mode ?? "enforce",
      wouldBe: ruling?.wouldBe ?? "",
      attempts: 1,
      outcome: ending.outcome,
      errorType: ending.errorType ?? "",
      rpcCode: ending.rpcCode ?? "",
      httpStatus: ending.httpStatus,
      upstreamStatus: this.upstreamStatus,
      requestBytes: this.requestBytes,
      resultBytes: this.resultBytes,
      resultDigest: this.resultDigest,
      arguments: this.arguments,
      handling: this.handling,
      handlingFindings: this.handlingFindings,
      approvalId: this.approvalId,
      exceptionId: ruling?.exceptionId ?? "",
    };
  }
}

const cut = (text: string, limit: number): string => (text.length > limit ? text.slice(0, limit) : text);
