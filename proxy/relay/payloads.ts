import type { Logger } from "../../collector/kernel/log.ts";
import { cutUtf8, type Payload, type PayloadKind, type PayloadSink } from "../../collector/payload/payload.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import { toJson } from "../transport/envelope.ts";
import type { Call } from "./call.ts";

export const JSON_TYPE = "application/json";

/** Requests that carry what somebody says; lists, subscriptions and notifications are not kept. */
const KEPT_METHODS: ReadonlySet<string> = new Set(["tools/call", "prompts/get", "resources/read", "completion/complete", "tasks/result"]);
/** On a listening stream come answers to calls whose own stream broke off. */
const RESUMED = "transport/stream";

/** What is kept of an answer. */
export interface AnswerPayload {
  readonly contentType: string;
  /** As much as is kept, and how long the whole is. */
  readonly bytes: Buffer;
  readonly size: number;
}

/** What is kept of what calls say, of those servers whose registry entry asks for it. Nothing here throws. */
export interface CallPayloads {
  /** For an answer that arrives in pieces; null where nothing of it is kept. */
  tap(call: Call): PayloadTap | null;
  /** Of an answer that is there as a whole; null as above. */
  answerOf(call: Call, bytes: Buffer, contentType: string): AnswerPayload | null;
  /** The call was recorded under this id; empty: it was let through without a record. A stranger's message is not read at all. */
  keep(call: Call, callId: string): void;
}

export function callPayloads(sink: PayloadSink, logger: Logger): CallPayloads {
  const answerLimit = (call: Call): number => {
    const { entry, method } = call;
    if (entry?.payloads === undefined || entry.payloads.record === "arguments") return 0;
    return KEPT_METHODS.has(method) || method === RESUMED ? entry.payloads.maxBytes : 0;
  };
  const keep = (call: Call, callId: string, wanted: NonNullable<ServerEntry["payloads"]>): void => {
    const parts = partsOf(call, wanted);
    if (callId === "") return sink.drop("no_record", parts.length);
    const at = callId.lastIndexOf("-");
    for (const [kind, answer] of parts) sink.keep(payloadOf(call, callId.slice(0, at), Number(callId.slice(at + 1)), kind, answer));
  };
  return {
    tap(call) {
      const limit = answerLimit(call);
      return limit === 0 ? null : new PayloadTap(limit);
    },
    answerOf(call, bytes, contentType) {
      const limit = answerLimit(call);
      return limit === 0 ? null : { contentType, bytes: cutUtf8(bytes, limit), size: bytes.length };
    },
    keep(call, callId) {
      const wanted = call.entry?.payloads;
      if (wanted === undefined) return;
      try {
        keep(call, callId, wanted);
      } catch (error) {
        logger.error({ err: error }, "what a call says could not be kept");
        sink.drop("failed");
      }
    },
  };
}

type Part = readonly [kind: PayloadKind, content: AnswerPayload];

function partsOf(call: Call, { record, maxBytes }: NonNullable<ServerEntry["payloads"]>): Part[] {
  const parts: Part[] = [];
  const { message, answer } = call;
  if (record !== "results" && message?.kind === "request" && KEPT_METHODS.has(message.method)) {
    // What is for the protocol alone says nothing of the call.
    const { _meta: _, ...asked } = message.params ?? {};
    const bytes = Buffer.from(toJson(asked, message.plain));
    parts.push(["arguments", { contentType: JSON_TYPE, bytes: cutUtf8(bytes, maxBytes), size: bytes.length }]);
  }
  if (answer !== null) parts.push(["result", answer]);
  return parts;
}

function payloadOf(call: Call, producer: string, seq: number, kind: PayloadKind, { contentType, bytes, size }: AnswerPayload): Payload {
  const { receivedUs, traceId, serverName, method, tool, entry } = call;
  return { producer, seq, kind, receivedUs, traceId, server: serverName, method, tool: tool.slice(0, MAX_NAME), riskTier: entry?.riskTier ?? "", contentType: contentType.slice(0, MAX_TYPE), bytes, size };
}

/** As in the call's record. */
const MAX_NAME = 256;
const MAX_TYPE = 128;

/** Remembers the beginning of what passes. */
export class PayloadTap {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #kept = 0;
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(piece: Buffer): void {
    this.#size += piece.length;
    // A byte more than is kept, so that a character that was cut can be told.
    const room = this.#limit + 1 - this.#kept;
    if (room <= 0) return;
    // A copy: what is held of a large answer must not hold all of it.
    const part = Buffer.from(piece.subarray(0, room));
    this.#pieces.push(part);
    this.#kept += part.length;
  }

  take(contentType: string): AnswerPayload {
    return { contentType, bytes: cutUtf8(Buffer.concat(this.#pieces), this.#limit), size: this.#size };
  }

  reset(): void {
    this.#pieces = [];
    this.#kept = 0;
    this.#size = 0;
  }
}
