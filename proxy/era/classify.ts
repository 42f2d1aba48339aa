import { isObject, type JsonObject, type Message } from "../transport/envelope.ts";
import { HEADER_MISMATCH, INVALID_PARAMS } from "../transport/rpc-error.ts";

export const PROTOCOL_VERSION_KEY = "io.modelcontextprotocol/protocolVersion";
export const CLIENT_INFO_KEY = "io.modelcontextprotocol/clientInfo";
export const CLIENT_CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities";
export const LOG_LEVEL_KEY = "io.modelcontextprotocol/logLevel";
export const SERVER_INFO_KEY = "io.modelcontextprotocol/serverInfo";
export const SUBSCRIPTION_ID_KEY = "io.modelcontextprotocol/subscriptionId";

/** The first revision without handshake and sessions. Revisions are dates, so they compare as text. */
export const FIRST_MODERN = "2026-07-28";
const REVISION = /^\d{4}-\d{2}-\d{2}$/;

export type Era = "legacy" | "modern";

export interface EraHeaders {
  readonly version: string | undefined;
  readonly method: string | undefined;
  readonly name: string | undefined;
}

export type Classified =
  | { readonly era: Era; readonly protocolVersion: string }
  | { readonly era: "refused"; readonly protocolVersion: string; readonly code: number; readonly message: string };

export function isModernVersion(version: unknown): boolean {
  return typeof version === "string" && REVISION.test(version) && version >= FIRST_MODERN;
}

/**
 * Which era a message belongs to: its body decides, by the protocol version claimed in `params._meta`, and the headers
 * must agree with the body, because whoever routes by headers must have routed what is judged here. A request that only
 * its header calls modern lacks what that revision demands. Whether a revision is supported is the upstream's to say.
 */
export function classify(message: Message, headers: EraHeaders): Classified {
  const meta = metaOf(message.params);
  const claim = meta?.[PROTOCOL_VERSION_KEY];
  const headerIsModern = isModernVersion(headers.version);
  if (claim !== undefined) {
    if (typeof claim !== "string") return refused("", INVALID_PARAMS, `_meta["${PROTOCOL_VERSION_KEY}"] must be a string`);
    // A version that nobody knows is claimed in the new way all the same: its refusal is the upstream's, in the new form.
    if (!REVISION.test(claim) || claim >= FIRST_MODERN) return agree(message, claim, headers);
    if (headerIsModern) return mismatch(claim, `the header MCP-Protocol-Version says ${headers.version}, the body ${claim}`);
    return { era: "legacy", protocolVersion: claim };
  }
  if (!headerIsModern) return { era: "legacy", protocolVersion: legacyVersion(message, headers) };
  const version = headers.version ?? "";
  if (message.method === "initialize") return mismatch(version, `initialize is not part of the revision ${version} that the header MCP-Protocol-Version names`);
  if (message.kind === "request") return refused(version, INVALID_PARAMS, `revision ${version} needs params._meta["${PROTOCOL_VERSION_KEY}"]`);
  return agree(message, version, headers);
}

/** Where the value that `Mcp-Name` repeats stands in the body. */
const NAMED_BY: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId",
};

/** What `Mcp-Name` repeats of a message; undefined where there is nothing to repeat. */
export function namedBy(message: Message): string | undefined {
  const field = Object.hasOwn(NAMED_BY, message.method) ? NAMED_BY[message.method]! : undefined;
  const value = field === undefined ? undefined : message.params?.[field];
  return typeof value === "string" ? value : undefined;
}

/** Requests must carry the headers; a notification's need only not disagree. */
function agree(message: Message, version: string, headers: EraHeaders): Classified {
  const required = message.kind === "request";
  if (headers.version === undefined ? required : headers.version !== version) {
    return mismatch(version, `the header MCP-Protocol-Version says ${headers.version ?? "nothing"}, the body ${version}`);
  }
  if (headers.method === undefined ? required : headers.method !== message.method) {
    return mismatch(version, `the header Mcp-Method does not name the body's method`);
  }
  const value = namedBy(message);
  if (value !== undefined && (headers.name === undefined ? required : decodeHeader(headers.name) !== value)) {
    return mismatch(version, `the header Mcp-Name does not repeat params.${NAMED_BY[message.method]}`);
  }
  return { era: "modern", protocolVersion: version };
}

const ENCODED = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;

/** A header value as its sender meant it; null when it is encoded wrongly. */
export function decodeHeader(value: string): string | null {
  const trimmed = value.trim();
  if (!trimmed.startsWith("=?base64?") || !trimmed.endsWith("?=")) return trimmed;
  const encoded = ENCODED.exec(trimmed)?.[1];
  return encoded === undefined || encoded.length % 4 !== 0 ? null : Buffer.from(encoded, "base64").toString("utf8");
}

/** A value as a header can carry it: as it is, or in the form that `decodeHeader` reads where a header would change it. */
export function encodeHeader(value: string): string {
  const plain = value !== "" && value === value.trim() && /^[\t\x20-\x7e]*$/.test(value) && !(value.startsWith("=?base64?") && value.endsWith("?="));
  return plain ? value : `=?base64?${Buffer.from(value, "utf8").toString("base64")}?=`;
}

export function metaOf(params: JsonObject | null): JsonObject | null {
  const meta = params?._meta;
  return isObject(meta) ? meta : null;
}

function legacyVersion(message: Message, headers: EraHeaders): string {
  if (headers.version !== undefined) return headers.version;
  const asked = message.method === "initialize" ? message.params?.protocolVersion : undefined;
  return typeof asked === "string" ? asked : "";
}

const mismatch = (protocolVersion: string, message: string): Classified => refused(protocolVersion, HEADER_MISMATCH, message);

function refused(protocolVersion: string, code: number, message: string): Classified {
  return { era: "refused", protocolVersion, code, message };
}
