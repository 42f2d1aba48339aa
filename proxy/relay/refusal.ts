import type { Outcome } from "../../collector/record/call-record.ts";
import type { ReasonCode } from "../policy/decision.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import * as rpc from "../transport/rpc-error.ts";
import type { Call } from "./call.ts";
import type { Ruling } from "./judge.ts";

/** An answer of our own in place of the upstream's. */
export interface Refusal {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly outcome: Outcome;
  readonly reason?: ReasonCode;
  readonly errorType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Refused by what carries the message, before or instead of a rule. */
export function refusal(status: number, code: number, reason: ReasonCode, message: string, headers?: Readonly<Record<string, string>>): Refusal {
  return { status, code, message, reason, outcome: "denied", errorType: String(status), ...(headers ? { headers } : {}) };
}

export const refusals = {
  overloaded: refusal(503, rpc.OVERLOADED, "overloaded", "The proxy is at its limit; try again shortly.", { "retry-after": "1" }),
  stopping: refusal(503, rpc.OVERLOADED, "overloaded", "The proxy is stopping; try again shortly.", { "retry-after": "1", connection: "close" }),
  auditUnavailable: refusal(503, rpc.AUDIT_UNAVAILABLE, "audit_unavailable", "The proxy cannot record calls at the moment and therefore forwards none.", {
    "retry-after": "5",
  }),
  badOrigin: refusal(403, rpc.BAD_ORIGIN, "bad_origin", "The Host or Origin header names a place that this proxy does not serve."),
  identityUnavailable: refusal(503, rpc.IDENTITY_UNAVAILABLE, "identity_unavailable", "The access token cannot be checked at the moment; try again shortly.", { "retry-after": "5" }),
  unauthenticated: refusal(401, rpc.UNAUTHENTICATED, "unauthenticated", "A valid credential is needed: Authorization: Bearer <key>.", {
    "www-authenticate": 'Bearer realm="signalbox"',
  }),
  taskClosed: refusal(401, rpc.UNAUTHENTICATED, "task_closed", "The task that this credential is for is closed.", { "www-authenticate": 'Bearer realm="signalbox", error="invalid_token"' }),
  taskExpired: refusal(401, rpc.UNAUTHENTICATED, "task_expired", "The task that this credential is for has expired.", { "www-authenticate": 'Bearer realm="signalbox", error="invalid_token"' }),
  unknownServer: refusal(404, rpc.UNKNOWN_SERVER, "unknown_server", "The registry has no server of this name."),
  tooLarge: refusal(413, rpc.TOO_LARGE, "too_large", "The message is larger than this proxy accepts."),
  mediaType: refusal(415, rpc.UNSUPPORTED_MEDIA, "malformed", "Content-Type must be application/json."),
  notAcceptable: refusal(406, rpc.NOT_ACCEPTABLE, "malformed", "Accept must name application/json and text/event-stream."),
  noSession: refusal(404, rpc.SESSION_NOT_FOUND, "session_mismatch", "Session not found. Begin a new one with initialize."),
} as const;

/** The body of a refusal; `callId` is empty where the refusal has no record. One that `repeats` has none of its own either,
 * and says which it repeats: what it is counted in is not written yet, and nobody is given an id that may not come to be. */
export function refusalBody(refused: Refusal, call: Call, callId: string, repeats = false): string {
  const data = { reason: refused.reason ?? refused.errorType, ...named(callId, repeats) };
  return rpc.errorBody(call.message?.id ?? call.faultId, refused.code, refused.message, data);
}

/** What a decision against a message is answered with: a result that the model reads for a tool call, an error otherwise. */
export function rulingAnswer(call: Call, ruling: Ruling, callId: string, repeats = false): { readonly status: number; readonly body: string } {
  const { result } = ruling;
  const held = ruling.enforced === "hold";
  const id = call.message?.id ?? null;
  if (call.message?.kind === "request" && call.method === "tools/call") {
    const text = explain(result.message, result.reason, held, call.entry, callId, repeats);
    const answer = { content: [{ type: "text", text }], isError: true, ...(call.modern ? { resultType: "complete" } : {}) };
    return { status: 200, body: rpc.resultBody(id, answer) };
  }
  const data = { reason: result.reason, policyIds: result.policyIds, ...named(callId, repeats) };
  const body = rpc.errorBody(id, held ? rpc.HELD : rpc.DENIED, result.message, data);
  // Only a request can carry an error back; a notification that is not passed on is an HTTP failure.
  return { status: call.message?.kind === "request" ? 200 : 403, body };
}

const named = (callId: string, repeats: boolean) => (callId === "" ? {} : repeats ? { repeats: callId } : { callId });

function explain(message: string, reason: string, held: boolean, entry: ServerEntry | null, callId: string, repeats: boolean): string {
  const lines = [
    `${held ? "Held by policy" : "Denied by policy"}: ${message}`,
    `Reason: ${reason}.`,
    held ? "A person has to approve this call first, which is not possible yet; it was not forwarded." : "The call was not forwarded; repeating it will not help.",
  ];
  if (entry?.owner !== undefined) lines.push(`Ask ${entry.owner}${entry.contact === undefined ? "" : ` (${entry.contact})`} for access.`);
  else if (entry?.contact !== undefined) lines.push(`Ask ${entry.contact} for access.`);
  if (callId !== "") lines.push(repeats ? `This repeats call ${callId}, and is counted: repeated denials are on record together.` : `Call id: ${callId}.`);
  return lines.join("\n");
}
