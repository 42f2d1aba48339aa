import * as k from "./semconv.ts";
import type { CallRecord, DraftRecord } from "./call-record.ts";
import { spanName, toAttributes, type Attribute } from "./to-attributes.ts";

/** Numbers as OTLP has them. */
export const SPAN_KIND = { server: 2, client: 3 } as const;
export const STATUS = { unset: 0, error: 2 } as const;

/** A span before it has an encoding, without its attributes. Times are Unix microseconds; ids are hex, `parentSpanId` may be empty. */
export interface SpanHead {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: (typeof SPAN_KIND)[keyof typeof SPAN_KIND];
  readonly startUs: number;
  readonly endUs: number;
  readonly status: (typeof STATUS)[keyof typeof STATUS];
  readonly statusMessage: string;
}

export interface RecordSpan extends SpanHead {
  readonly attributes: readonly Attribute[];
}

/** JSON-RPC errors that are the client's fault and so no error of the server span, as the conventions for MCP list them:
 * parse error, invalid request, method not found, invalid params, resource not found. */
const CLIENT_FAULTS: ReadonlySet<string> = new Set(["-32700", "-32600", "-32601", "-32602", "-32002"]);

/** The SERVER span, and the CLIENT span of the upstream attempt where there was one. */
export function toSpans(record: CallRecord): RecordSpan[] {
  const server = serverSpan(record);
  const client = clientSpan(record);
  return client ? [server, client] : [server];
}

export function serverSpan(record: CallRecord): RecordSpan {
  return { ...serverHead(record), attributes: toAttributes(record) };
}

export function serverHead(record: DraftRecord): SpanHead {
  const failed = record.errorType !== "" && !CLIENT_FAULTS.has(record.errorType);
  return {
    traceId: record.traceId,
    spanId: record.spanId,
    parentSpanId: record.parentSpanId,
    name: spanName(record),
    kind: SPAN_KIND.server,
    startUs: record.receivedUs,
    endUs: record.receivedUs + record.completedAfterUs,
    status: failed ? STATUS.error : STATUS.unset,
    statusMessage: failed ? record.reason : "",
  };
}

/** From forwarding to the answer; to the end of the call where no answer came. Null where nothing was forwarded. */
export function clientSpan(record: DraftRecord): RecordSpan | null {
  const head = clientHead(record);
  return head && { ...head, attributes: clientAttributes(record) };
}

export function clientHead(record: DraftRecord): SpanHead | null {
  if (record.upstreamSpanId === "" || record.forwardedAfterUs === null) return null;
  const error = clientError(record);
  const endedAfterUs = Math.max(record.forwardedAfterUs, record.answeredAfterUs ?? record.completedAfterUs);
  return {
    traceId: record.traceId,
    spanId: record.upstreamSpanId,
    parentSpanId: record.spanId,
    name: spanName(record),
    kind: SPAN_KIND.client,
    startUs: record.receivedUs + record.forwardedAfterUs,
    endUs: record.receivedUs + endedAfterUs,
    status: error === "" ? STATUS.unset : STATUS.error,
    statusMessage: "",
  };
}

/** What went wrong between the proxy and the upstream. A result that the proxy withheld was no failure of the upstream;
 * towards it every JSON-RPC error is an error. */
function clientError(record: DraftRecord): string {
  switch (record.outcome) {
    case "tool_error":
      return "tool_error";
    case "rpc_error":
      return record.rpcCode || record.errorType || record.outcome;
    case "transport_error":
    case "timeout":
    case "cancelled":
    case "interrupted":
      return record.errorType || record.outcome;
    default:
      return "";
  }
}

/** Of a call that was forwarded. */
export function clientAttributes(record: DraftRecord): Attribute[] {
  const error = clientError(record);
  const { host, port } = splitAddress(record.upstreamAddress);
  const all: Attribute[] = [
    [k.ERROR_TYPE, error],
    [k.GEN_AI_OPERATION_NAME, record.method === "tools/call" ? "execute_tool" : ""],
    [k.GEN_AI_PROMPT_NAME, record.prompt],
    [k.GEN_AI_TOOL_NAME, record.tool],
    [k.MCP_METHOD_NAME, record.method],
    [k.MCP_PROTOCOL_VERSION, record.protocolVersion],
    [k.NETWORK_TRANSPORT, record.upstreamAddress === "" ? "" : port === null ? "pipe" : "tcp"],
    [k.RPC_RESPONSE_STATUS_CODE, record.rpcCode],
    [k.SERVER_ADDRESS, host],
    [k.SERVER_PORT, port ?? ""],
    [k.SB_SERVER, record.server],
  ];
  return all.filter(([, value]) => value !== "");
}

/** `host:port` of a network address, or a command's name, which has no port. */
function splitAddress(address: string): { host: string; port: number | null } {
  const match = /^(.+):(\d{1,5})$/.exec(address);
  if (!match) return { host: address, port: null };
  return { host: (match[1] as string).replace(/^\[(.*)\]$/, "$1"), port: Number(match[2]) };
}
