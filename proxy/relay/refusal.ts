import type { Outcome } from "../../collector/record/call-record.ts";
import { safeText } from "../people/safe-text.ts";
import type { ReasonCode } from "../policy/decision.ts";
import * as rpc from "../transport/rpc-error.ts";
import type { Call } from "./call.ts";
import type { Hints } from "./hints.ts";
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

/** Only a request can carry an error back; a notification that is not passed on is an HTTP failure. */
export const rulingStatus = (call: Call): number => (call.message?.kind === "request" ? 200 : 403);

/** What a decision against a message is answered with: a result that the model reads for a tool call, an error otherwise. */
export function rulingBody(call: Call, ruling: Ruling, hints: Hints, callId: string, repeats = false): string {
  const { result } = ruling;
  const held = ruling.enforced === "hold";
  const id = call.message?.id ?? null;
  if (call.message?.kind === "request" && call.method === "tools/call") {
    const text = explain(result, held, hints, callId, repeats);
    return rpc.resultBody(id, { content: [{ type: "text", text }], isError: true, ...(call.modern ? { resultType: "complete" } : {}) });
  }
  const { allowedWhen, taskClasses, replacedBy, owner, contact } = hints;
  const data = {
    reason: result.reason,
    policyIds: result.policyIds.slice(0, MAX_RULES),
    ...(allowedWhen.length > 0 ? { allowedWhen } : {}),
    ...(taskClasses.length > 0 ? { taskClasses } : {}),
    ...(replacedBy !== "" ? { replacedBy } : {}),
    ...(owner !== "" ? { owner } : {}),
    ...(contact !== "" ? { contact } : {}),
    ...named(callId, repeats),
  };
  return rpc.errorBody(id, held ? rpc.HELD : rpc.DENIED, safeText(result.message, MAX_MESSAGE).text, data);
}

const named = (callId: string, repeats: boolean) => (callId === "" ? {} : repeats ? { repeats: callId } : { callId });

/** Rules that are named, and characters of what their author wrote. */
const MAX_RULES = 5;
const MAX_MESSAGE = 1000;

/** Refused for what is so now, and may not be later. */
const passing: ReadonlySet<ReasonCode> = new Set<ReasonCode>(["rate_limited", "concurrency", "stopped", "definition_changed"]);

function explain({ message, reason, policyIds }: Ruling["result"], held: boolean, hints: Hints, callId: string, repeats: boolean): string {
  const { allowedWhen, tools, taskClasses, replacedBy, owner, contact } = hints;
  const rules = policyIds.length === 0 ? "" : ` (${policyIds.length === 1 ? "rule" : "rules"} ${policyIds.slice(0, MAX_RULES).join(", ")}${policyIds.length > MAX_RULES ? " and others" : ""})`;
  const lines = [`${held ? "Held by policy" : "Denied by policy"}: ${safeText(message, MAX_MESSAGE).text}`, `Reason: ${reason}${rules}.`];
  if (held) lines.push("A person has to approve this call first, which is not possible yet; it was not forwarded.");
  else lines.push(`The call was not forwarded; ${passing.has(reason) ? "it may be allowed later." : "repeating it as it is will not help."}`);
  for (const { rule, when } of allowedWhen) lines.push(`Rule ${rule} allows it when: ${when}`);
  if (tools.length > 0) lines.push(`Tools of this server that you may call, some with conditions: ${tools.join(", ")}.`);
  if (taskClasses.length > 0) lines.push(`It is approved for tasks of these kinds: ${taskClasses.join(", ")}.`);
  if (replacedBy !== "") lines.push(`Use ${replacedBy} instead.`);
  if (owner !== "") lines.push(`Ask ${owner}${contact === "" ? "" : ` (${contact})`} for access.`);
  else if (contact !== "") lines.push(`Ask ${contact} for access.`);
  if (callId !== "") lines.push(repeats ? `This repeats call ${callId}, and is counted: repeated denials are on record together.` : `Call id: ${callId}.`);
  return lines.join("\n");
}
