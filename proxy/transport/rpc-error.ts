import type { RpcId } from "./envelope.ts";

/** JSON-RPC's own codes, and the ones that the newest revision of MCP defines for what a proxy checks. */
export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const HEADER_MISMATCH = -32020;
export const UNSUPPORTED_VERSION = -32022;

/** Ours: outside -32768 to -32000, which the specifications keep; the first three digits are the HTTP status. */
export const UNSUPPORTED_MEDIA = 41501;
export const NOT_ACCEPTABLE = 40601;
export const UNAUTHENTICATED = 40101;
export const DENIED = 40301;
export const BAD_ORIGIN = 40302;
export const HELD = 40303;
export const QUARANTINED = 40304;
export const INSUFFICIENT_SCOPE = 40305;
export const UNKNOWN_SERVER = 40401;
export const SESSION_NOT_FOUND = 40402;
export const TOO_LARGE = 41301;
export const UPSTREAM_FAILED = 50201;
/** A call that a bridge between eras can't carry on with: its client's revision has no word for what the server says. */
export const NOT_BRIDGEABLE = 50202;
/** The server did not accept the credential that the proxy itself showed it. */
export const CREDENTIAL_REFUSED = 50203;
/** A server that speaks neither era of the protocol. */
export const NO_COMMON_ERA = 50204;
export const OVERLOADED = 50301;
export const AUDIT_UNAVAILABLE = 50302;
export const IDENTITY_UNAVAILABLE = 50303;
export const UPSTREAM_TIMEOUT = 50401;

export function errorBody(id: RpcId | null, code: number, message: string, data?: unknown): string {
  return `{"jsonrpc":"2.0","id":${idText(id)},"error":${JSON.stringify({ code, message, data })}}`;
}

export function resultBody(id: RpcId | null, result: unknown): string {
  return `{"jsonrpc":"2.0","id":${idText(id)},"result":${JSON.stringify(result)}}`;
}

function idText(id: RpcId | null): string {
  return typeof id === "bigint" ? String(id) : JSON.stringify(id);
}
