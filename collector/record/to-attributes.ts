import * as k from "./semconv.ts";
import type { CallRecord, DraftRecord } from "./call-record.ts";

export type AttributeValue = string | number;
export type Attribute = readonly [key: string, value: AttributeValue];

/** A record's place in its producer's chain. Apart from the draft, so that the spool need not copy a draft to hash it. */
export type ChainPlace = Pick<CallRecord, "producer" | "seq" | "prevHash" | "hash">;

type Getter = (r: DraftRecord, place: ChainPlace) => AttributeValue | null;

const list = (values: readonly string[]): string => (values.length === 0 ? "" : JSON.stringify(values));

let leavesOf: DraftRecord["arguments"] | null = null;
let leavesText = "";

/** Leaves as compact JSON rows `[path, digest, flowFromSeq, flowScore]`: the largest attribute, so keys are left out. The
 * chain and the span ask for the same text one after the other, so the last one is kept. */
const leaves = ({ arguments: all }: DraftRecord): string => {
  if (all.length === 0) return "";
  if (all === leavesOf) return leavesText;
  leavesOf = all;
  return (leavesText = JSON.stringify(all.map((a) => [a.path, a.digest, a.flowFromSeq ?? 0, a.flowScore])));
};

/**
 * The attributes of a record's SERVER span in bytewise key order, which is the order the hash chain is computed in
 * (canonical.ts). A value that is empty or null is left out. Only strings and integers appear: both have one spelling
 * once a collector has written them into a Map(String, String).
 */
export const getters: readonly (readonly [key: string, get: Getter])[] = [
  [k.CLIENT_ADDRESS, (r) => r.clientAddress],
  [k.ERROR_TYPE, (r) => r.errorType],
  [k.GEN_AI_OPERATION_NAME, (r) => (r.method === "tools/call" ? "execute_tool" : "")],
  [k.GEN_AI_PROMPT_NAME, (r) => r.prompt],
  [k.GEN_AI_TOOL_NAME, (r) => r.tool],
  [k.JSONRPC_REQUEST_ID, (r) => r.rpcId],
  [k.MCP_METHOD_NAME, (r) => r.method],
  [k.MCP_PROTOCOL_VERSION, (r) => r.protocolVersion],
  [k.MCP_RESOURCE_URI, (r) => r.resourceUri],
  [k.MCP_SESSION_ID, (r) => r.sessionId],
  [k.NETWORK_TRANSPORT, (r) => r.transport],
  [k.RPC_RESPONSE_STATUS_CODE, (r) => r.rpcCode],
  [k.SB_AGENT, (r) => r.agent],
  [k.SB_APPROVAL_ID, (r) => r.approvalId],
  [k.SB_ARGUMENTS, leaves],
  [k.SB_AUDIT_HASH, (_, place) => place.hash],
  [k.SB_AUDIT_PREV_HASH, (_, place) => place.prevHash],
  [k.SB_AUDIT_PRODUCER, (_, place) => place.producer],
  [k.SB_AUDIT_SEQ, (_, place) => place.seq],
  [k.SB_CLIENT_NAME, (r) => r.clientName],
  [k.SB_CLIENT_VERSION, (r) => r.clientVersion],
  [k.SB_CREDENTIAL_ID, (r) => r.credentialId],
  [k.SB_DECISION, (r) => r.decision],
  [k.SB_DECISION_BASIS, (r) => r.basis],
  [k.SB_DECISION_MODE, (r) => r.mode],
  [k.SB_DECISION_POLICIES, (r) => list(r.policyIds)],
  [k.SB_DECISION_REASON, (r) => r.reason],
  [k.SB_DECISION_VERSION, (r) => r.policyVersion],
  [k.SB_DECISION_WOULD_BE, (r) => r.wouldBe],
  [k.SB_DELEGATION, (r) => list(r.delegation)],
  [k.SB_EXCEPTION_ID, (r) => r.exceptionId],
  [k.SB_HANDLING, (r) => r.handling],
  [k.SB_HANDLING_FINDINGS, (r) => list(r.handlingFindings)],
  [k.SB_HTTP_STATUS, (r) => r.httpStatus],
  [k.SB_OUTCOME, (r) => r.outcome],
  [k.SB_PRINCIPAL, (r) => r.principal],
  [k.SB_REQUEST_BYTES, (r) => r.requestBytes],
  [k.SB_RESULT_BYTES, (r) => r.resultBytes],
  [k.SB_RESULT_DIGEST, (r) => r.resultDigest],
  [k.SB_SERVER, (r) => r.server],
  [k.SB_SERVER_DATA_DOMAINS, (r) => list(r.dataDomains)],
  [k.SB_SERVER_ENVIRONMENT, (r) => r.environment],
  [k.SB_SERVER_OWNER, (r) => r.owner],
  [k.SB_SERVER_REVISION, (r) => r.registryRevision],
  [k.SB_SERVER_RISK_TIER, (r) => r.riskTier],
  [k.SB_SERVER_VERSION, (r) => r.serverVersion],
  [k.SB_TASK_CLASS, (r) => r.taskClass],
  [k.SB_TASK_ID, (r) => r.taskId],
  [k.SB_TIME_ANSWERED, (r) => r.answeredAfterUs],
  [k.SB_TIME_DECIDED, (r) => r.decidedAfterUs],
  [k.SB_TIME_FORWARDED, (r) => r.forwardedAfterUs],
  [k.SB_TIME_PROXY, (r) => r.proxyUs],
  [k.SB_TOOL_EFFECT, (r) => r.effect],
  [k.SB_TOOL_TRUSTED, (r) => (r.trusted ? 1 : 0)],
  [k.SB_UPSTREAM_STATUS, (r) => r.upstreamStatus],
];

export const attributeKeys: readonly string[] = getters.map(([key]) => key);

export function toAttributes(record: CallRecord): Attribute[] {
  return attributesAt(record, record);
}

export function attributesAt(draft: DraftRecord, place: ChainPlace): Attribute[] {
  const out: Attribute[] = [];
  for (const [key, get] of getters) {
    const value = get(draft, place);
    if (value !== null && value !== "") out.push([key, value]);
  }
  return out;
}

/** `{mcp.method.name} {target}` with the low-cardinality target only, as the conventions ask; never a resource URI. */
export function spanName(record: Pick<CallRecord, "method" | "tool" | "prompt">): string {
  const target = record.tool || record.prompt;
  return target ? `${record.method} ${target}` : record.method;
}
