import { hash } from "node:crypto";
import type { JsonObject } from "../transport/envelope.ts";

/** A request as it would be forwarded, and the definition that the tool has now. */
export interface RequestIdentity {
  readonly method: string;
  readonly server: string;
  readonly serverVersion: string;
  /** Of the tool's definition as last seen; empty where there is none. */
  readonly definitionHash: string;
  readonly params: JsonObject | null;
}

/** What a client may put into `_meta` afresh each time without asking for anything else. */
const VOLATILE_META = /^(?:progressToken|traceparent|tracestate|baggage|io\.modelcontextprotocol\/.*)$/;

/**
 * Names a request: equal for the very same request to the same tool, different when anything in it differs. The leaf digests
 * of a record cannot do this, since they are cut off at 256 and do not tell `[{a},{b}]` from `[{a,b}]`; so this one covers
 * the parameters whole, in an order of its own. `keyed` is the installation's digest (Digester.text), so that nothing can
 * be guessed from the outcome: 32 hex digits.
 */
export function requestDigest(request: RequestIdentity, keyed: (text: string) => string): string {
  const { method, server, serverVersion, definitionHash } = request;
  const parts = [method, server, serverVersion, definitionHash, keyed(canonicalJson(lasting(request.params)))];
  return hash("sha256", JSON.stringify(parts), "hex").slice(0, 32);
}

/** JSON with the members of every object in order. Integers beyond 2^53 arrive as bigints and keep their digits. */
export function canonicalJson(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const object = value as JsonObject;
  const members = Object.keys(object)
    .filter((key) => object[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key])}`);
  return `{${members.join(",")}}`;
}

function lasting(params: JsonObject | null): JsonObject {
  const { _meta: meta, ...rest } = params ?? {};
  if (typeof meta !== "object" || meta === null) return rest;
  const kept = Object.entries(meta).filter(([key]) => !VOLATILE_META.test(key));
  return kept.length === 0 ? rest : { ...rest, _meta: Object.fromEntries(kept) };
}
