import { PROTOCOL_VERSION_KEY, encodeHeader, isModernVersion, metaOf, namedBy } from "../../era/classify.ts";
import type { Message } from "../envelope.ts";

/** What `initialize` agreed on; the newest revision has neither. */
export interface HttpSession {
  readonly id: string | undefined;
  readonly protocolVersion: string | undefined;
}

/** The version that a message of the newest era claims; undefined for one of the older protocol. */
export function modernVersion(message: Message): string | undefined {
  const claim = metaOf(message.params)?.[PROTOCOL_VERSION_KEY];
  return isModernVersion(claim) ? (claim as string) : undefined;
}

/** What a message over pipes says in its body alone, and over HTTP in headers too. */
export function messageHeaders(message: Message, session: HttpSession): Record<string, string> {
  const version = modernVersion(message);
  if (version === undefined) return sessionHeaders(message.method === "initialize" ? noSession : session);
  const name = namedBy(message);
  return {
    "mcp-protocol-version": version,
    "mcp-method": encodeHeader(message.method),
    ...(name === undefined ? {} : { "mcp-name": encodeHeader(name) }),
  };
}

export function sessionHeaders({ id, protocolVersion }: HttpSession): Record<string, string> {
  return { ...(id === undefined ? {} : { "mcp-session-id": id }), ...(protocolVersion === undefined ? {} : { "mcp-protocol-version": protocolVersion }) };
}

export const noSession: HttpSession = { id: undefined, protocolVersion: undefined };
