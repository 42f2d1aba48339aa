import * as k from "./semconv.ts";
import type { CallRecord, DraftRecord } from "./call-record.ts";
import { quoted, quotedPath } from "./quoted.ts";

export type AttributeValue = string | number;
export type Attribute = readonly [key: string, value: AttributeValue];

/** A record's place in its producer's chain. Apart from the draft, so that the spool need not copy a draft to hash it. */
export type ChainPlace = Pick<CallRecord, "producer" | "seq" | "prevHash" | "hash">;

type Getter = (r: DraftRecord, place: ChainPlace) => AttributeValue | null;

/** The member of a draft that an attribute spells out; null for the two kinds that no draft has: what is derived from
 * others, and a record's place in the chain. */
type Member = keyof DraftRecord | null;

/** A list as JSON text. Lists come from the register and the policies, so mostly the one of the call before. */
function list(of: (r: DraftRecord) => readonly string[]): Getter {
  let last: readonly string[] = [];
  let text = "";
  return (r) => {
    const values = of(r);
    if (values.length === 0) return "";
    if (values !== last) text = JSON.stringify((last = values));
    return text;
  };
}

/** Leaves as compact JSON rows `[path, digest, flowFromSeq, flowScore]`: the largest attribute, so keys are left out. */
const leaves = ({ arguments: all }: DraftRecord): string => {
  if (all.length === 0) return "";
  let text = "";
  for (const { path, digest, flowFromSeq, flowScore } of all) {
    text += `${text === "" ? "[[" : ",["}${quotedPath(path)},${quoted(digest)},${flowFromSeq ?? 0},${flowScore}]`;
  }
  return `${text}]`;
};

/**
 * The attributes of a record's SERVER span in bytewise key order, which is the order the hash chain is computed in
 * (canonical.ts). A value that is empty or null is left out. Only strings and integers appear: both have one spelling
 * once a collector has written them into a Map(String, String).
 */
export const getters: readonly (readonly [key: string, member: Member, get: Getter])[] = [
  [k.CLIENT_ADDRESS, "clientAddress", (r) => r.clientAddress],
  [k.ERROR_TYPE, "errorType", (r) => r.errorType],
  [k.GEN_AI_OPERATION_NAME, null, (r) => (r.method === "tools/call" ? "execute_tool" : "")],
  [k.GEN_AI_PROMPT_NAME, "prompt", (r) => r.prompt],
  [k.GEN_AI_TOOL_NAME, "tool", (r) => r.tool],
  [k.JSONRPC_REQUEST_ID, "rpcId", (r) => r.rpcId],
  [k.MCP_METHOD_NAME, "method", (r) => r.method],
  [k.MCP_PROTOCOL_VERSION, "protocolVersion", (r) => r.protocolVersion],
  [k.MCP_RESOURCE_URI, "resourceUri", (r) => r.resourceUri],
  [k.MCP_SESSION_ID, "sessionId", (r) => r.sessionId],
  [k.NETWORK_TRANSPORT, "transport", (r) => r.transport],
  [k.RPC_RESPONSE_STATUS_CODE, "rpcCode", (r) => r.rpcCode],
  [k.SB_AGENT, "agent", (r) => r.agent],
  [k.SB_APPROVAL_ID, "approvalId", (r) => r.approvalId],
  [k.SB_ARGUMENTS, "arguments", leaves],
  [k.SB_AUDIT_HASH, null, (_, place) => place.hash],
  [k.SB_AUDIT_PREV_HASH, null, (_, place) => place.prevHash],
  [k.SB_AUDIT_PRODUCER, null, (_, place) => place.producer],
  [k.SB_AUDIT_SEQ, null, (_, place) => place.seq],
  [k.SB_CLIENT_NAME, "clientName", (r) => r.clientName],
  [k.SB_CLIENT_VERSION, "clientVersion", (r) => r.clientVersion],
  [k.SB_CREDENTIAL_ID, "credentialId", (r) => r.credentialId],
  [k.SB_DECISION, "decision", (r) => r.decision],
  // A record from before there was such a count has none, and is of one message.
  [k.SB_DECISION_ATTEMPTS, "attempts", (r) => (r.attempts > 1 ? r.attempts : null)],
  [k.SB_DECISION_BASIS, "basis", (r) => r.basis],
  [k.SB_DECISION_MODE, "mode", (r) => r.mode],
  [k.SB_DECISION_POLICIES, "policyIds", list((r) => r.policyIds)],
  [k.SB_DECISION_REASON, "reason", (r) => r.reason],
  [k.SB_DECISION_VERSION, "policyVersion", (r) => r.policyVersion],
  [k.SB_DECISION_WOULD_BE, "wouldBe", (r) => r.wouldBe],
  [k.SB_DELEGATION, "delegation", list((r) => r.delegation)],
  [k.SB_EXCEPTION_ID, "exceptionId", (r) => r.exceptionId],
  [k.SB_HANDLING, "handling", (r) => r.handling],
  [k.SB_HANDLING_FINDINGS, "handlingFindings", list((r) => r.handlingFindings)],
  [k.SB_HTTP_STATUS, "httpStatus", (r) => r.httpStatus],
  [k.SB_OUTCOME, "outcome", (r) => r.outcome],
  [k.SB_PRINCIPAL, "principal", (r) => r.principal],
  [k.SB_REQUEST_BYTES, "requestBytes", (r) => r.requestBytes],
  [k.SB_RESULT_BYTES, "resultBytes", (r) => r.resultBytes],
  [k.SB_RESULT_DIGEST, "resultDigest", (r) => r.resultDigest],
  [k.SB_SERVER, "server", (r) => r.server],
  [k.SB_SERVER_DATA_DOMAINS, "dataDomains", list((r) => r.dataDomains)],
  [k.SB_SERVER_ENVIRONMENT, "environment", (r) => r.environment],
  [k.SB_SERVER_OWNER, "owner", (r) => r.owner],
  [k.SB_SERVER_REVISION, "registryRevision", (r) => r.registryRevision],
  [k.SB_SERVER_RISK_TIER, "riskTier", (r) => r.riskTier],
  [k.SB_SERVER_VERSION, "serverVersion", (r) => r.serverVersion],
  [k.SB_TASK_CLASS, "taskClass", (r) => r.taskClass],
  [k.SB_TASK_ID, "taskId", (r) => r.taskId],
  [k.SB_TIME_ANSWERED, "answeredAfterUs", (r) => r.answeredAfterUs],
  [k.SB_TIME_DECIDED, "decidedAfterUs", (r) => r.decidedAfterUs],
  [k.SB_TIME_FORWARDED, "forwardedAfterUs", (r) => r.forwardedAfterUs],
  [k.SB_TIME_PROXY, "proxyUs", (r) => r.proxyUs],
  [k.SB_TOOL_EFFECT, "effect", (r) => r.effect],
  [k.SB_TOOL_TRUSTED, "trusted", (r) => (r.trusted ? 1 : 0)],
  [k.SB_UPSTREAM_STATUS, "upstreamStatus", (r) => r.upstreamStatus],
];

export const attributeKeys: readonly string[] = getters.map(([key]) => key);

export function toAttributes(record: CallRecord): Attribute[] {
  const out: Attribute[] = [];
  for (const [key, , get] of getters) {
    const value = get(record, record);
    if (value !== null && value !== "") out.push([key, value]);
  }
  return out;
}

/** `{mcp.method.name} {target}` with the low-cardinality target only, as the conventions ask; never a resource URI. */
export function spanName(record: Pick<CallRecord, "method" | "tool" | "prompt">): string {
  const target = record.tool || record.prompt;
  return target ? `${record.method} ${target}` : record.method;
}
