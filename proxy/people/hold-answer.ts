import { CLIENT_CAPABILITIES_KEY, metaOf } from "../era/classify.ts";
import type { ApprovalState } from "../state/control-state.ts";
import { isObject, type JsonObject, type Message } from "../transport/envelope.ts";
import { HELD } from "../transport/rpc-error.ts";

/** How a client answered a round of ours; empty where the call is no such answer. */
export type RoundAnswer = "" | "accept" | "decline" | "cancel";

export interface Held {
  readonly method: string;
  /** The client speaks 2026-07-28 or later. */
  readonly modern: boolean;
  readonly params: JsonObject | null;
  readonly approval: ApprovalState;
  /** Of the record of this very hold. */
  readonly callId: string;
  /** What the rule says. */
  readonly message: string;
  /** Where people decide, where there is such a page; it is told to clients that open URLs. */
  readonly url?: string;
  /** What unwrapRound gave: this call is the client's answer to an earlier round. */
  readonly answered: RoundAnswer;
}

/** The result of a request, or the error where its method has no result that could say it. */
export type HoldAnswer =
  | { readonly kind: "result"; readonly result: JsonObject }
  | { readonly kind: "error"; readonly code: number; readonly message: string; readonly data: JsonObject };

/** The methods whose result may ask for input, in the revision that knows such results. */
const ROUND_METHODS: ReadonlySet<string> = new Set(["tools/call", "prompts/get", "resources/read"]);
const ROUND_KEY = "signalbox_approval";
const STATE_PREFIX = "signalbox-hold.1.";
/** Longer states, in characters before encoding, are not sent: such a call is answered in text. */
const MAX_STATE = 64 * 1024;

/**
 * Pure. What a caller is told whose call waits for a person. It is answered at once in any case, since a person takes as long
 * as they take: a client of the newest revision that can ask its user is sent an input-required round, any other gets text
 * that says what to do. The answer to a round that comes too early gets the text too, or a client that answers by itself
 * would ask without end.
 */
export function holdAnswer(held: Held): HoldAnswer {
  const { approvalId } = held.approval.approval;
  const round = held.modern && held.answered === "" && ROUND_METHODS.has(held.method) ? inputRequired(held) : null;
  if (round) return { kind: "result", result: round };
  if (held.method === "tools/call") {
    const text = [...explained(held), "Repeat the very same call later: it goes through once when it is approved.", `Call id: ${held.callId}.`].join("\n");
    return { kind: "result", result: { content: [{ type: "text", text }], isError: true, ...(held.modern ? { resultType: "complete" } : {}) } };
  }
  const data = { reason: "approval_required", approvalId, callId: held.callId, expiresAt: new Date(held.approval.approval.expiresMs).toISOString() };
  return { kind: "error", code: HELD, message: explained(held).join(" "), data };
}

function explained({ approval: { approval, approvedBy }, message }: Held): string[] {
  const missing = approval.needed - approvedBy.length;
  const who = missing > 1 ? `${missing} different people with the role approver have` : "a person with the role approver has";
  return [
    `Held by policy: ${message}`,
    `Approval ${approval.approvalId} is pending: ${who} to agree by ${new Date(approval.expiresMs).toISOString()}, or it is denied. The call was not forwarded.`,
  ];
}

function inputRequired(held: Held): JsonObject | null {
  const elicitation = elicitationOf(held);
  const requestState = wrapRound(held.params);
  if (elicitation === null || requestState === null) return null;
  return { resultType: "input_required", inputRequests: { [ROUND_KEY]: { method: "elicitation/create", params: elicitation } }, requestState };
}

/** In a mode that the client declared, or none: an empty declaration means forms. */
function elicitationOf(held: Held): JsonObject | null {
  const capabilities = metaOf(held.params)?.[CLIENT_CAPABILITIES_KEY];
  const declared = isObject(capabilities) ? capabilities.elicitation : undefined;
  if (!isObject(declared)) return null;
  const lines = explained(held);
  if (held.url !== undefined && isObject(declared.url)) return { mode: "url", url: held.url, message: [...lines, "It is decided on this page."].join("\n") };
  if (!isObject(declared.form) && Object.keys(declared).length > 0) return null;
  const message = [...lines, "Continue once it is decided, and the call is tried again."].join("\n");
  return { mode: "form", message, requestedSchema: { type: "object", properties: {} } };
}

/**
 * What a client sends back byte for byte: the call's own part in a round with the server, which our round interrupts. It is
 * not protected, because it decides nothing: the request that comes out of it is judged and compared like any other. Null
 * where it would be too long, or holds an integer that JSON would not give back.
 */
function wrapRound(params: JsonObject | null): string | null {
  try {
    const text = JSON.stringify({ inputResponses: params?.inputResponses, requestState: params?.requestState });
    return text.length > MAX_STATE ? null : STATE_PREFIX + Buffer.from(text).toString("base64url");
  } catch {
    return null;
  }
}

/**
 * Pure, and to be done before a request is judged: takes our round out of it, so that what is judged, compared with the
 * approval and forwarded is the request as it was first made. A message without such a round is returned as it is.
 */
export function unwrapRound(message: Message): { readonly message: Message; readonly answered: RoundAnswer } {
  const { params } = message;
  const state = params?.requestState;
  if (params === null || typeof state !== "string" || !state.startsWith(STATE_PREFIX)) return { message, answered: "" };
  const { inputResponses, requestState, ...rest } = params;
  const answer = isObject(inputResponses) ? inputResponses[ROUND_KEY] : undefined;
  const action = isObject(answer) ? answer.action : undefined;
  const own = { ...rest, ...unwrapped(state) };
  return { message: { ...message, params: own, body: { ...message.body, params: own } }, answered: action === "accept" || action === "decline" ? action : "cancel" };
}

function unwrapped(state: string): JsonObject {
  try {
    const own: unknown = JSON.parse(Buffer.from(state.slice(STATE_PREFIX.length), "base64url").toString("utf8"));
    if (!isObject(own)) return {};
    return {
      ...(isObject(own.inputResponses) ? { inputResponses: own.inputResponses } : {}),
      ...(typeof own.requestState === "string" ? { requestState: own.requestState } : {}),
    };
  } catch {
    return {};
  }
}
