import { isUtf8 } from "node:buffer";
import { INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR } from "./rpc-error.ts";

export type RpcId = string | number | bigint;
export type JsonObject = Record<string, unknown>;

/** One JSON-RPC message, checked by hand: a schema library costs a hundred times as much here and tells no more. */
export interface Message {
  readonly kind: "request" | "notification" | "response";
  readonly body: JsonObject;
  /** Null for a notification. */
  readonly id: RpcId | null;
  /** `response` for a client's answer to a server's request. */
  readonly method: string;
  readonly params: JsonObject | null;
  /** False when the message holds an integer that a number cannot: it is written back digit by digit. */
  readonly plain: boolean;
}

export interface EnvelopeFault {
  readonly code: number;
  readonly message: string;
  readonly id: RpcId | null;
}

export type Parsed = { readonly ok: true; readonly message: Message } | { readonly ok: false; readonly fault: EnvelopeFault };

const MAX_DEPTH = 128;
const MAX_METHOD = 256;
const INTEGER = /^-?\d+$/;

type SourceReviver = (key: string, value: unknown, context: { source?: string }) => unknown;
const parseWithSource = JSON.parse as (text: string, reviver: SourceReviver) => unknown;
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/** Parses once; what this returns is what is judged, and `serialize` writes exactly that. */
export function parseMessage(bytes: Buffer): Parsed {
  // Bytes that are no UTF-8 would be judged as replacement characters, and mean something else to another parser.
  if (!isUtf8(bytes)) return fault(PARSE_ERROR, "the body is not UTF-8");
  const text = bytes.toString("utf8");
  let value: unknown;
  let plain = true;
  try {
    value = JSON.parse(text);
    const found = inspect(value, MAX_DEPTH);
    if (found === "deep") return fault(INVALID_REQUEST, `the message is nested deeper than ${MAX_DEPTH} levels`);
    if (found === "rounded") {
      plain = false;
      value = parseWithSource(text, exactNumber);
    }
  } catch (error) {
    if (error instanceof RangeError) return fault(INVALID_PARAMS, error.message);
    return fault(PARSE_ERROR, "the body is not valid JSON");
  }
  return checkEnvelope(value, plain);
}

/** Duplicate members are gone, and integers beyond 2^53 keep their digits. */
export function serialize(message: Message): string {
  return toJson(message.body, message.plain);
}

/** A part of a message, written as `serialize` writes it. */
export function toJson(value: JsonObject, plain: boolean): string {
  if (plain) return JSON.stringify(value);
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? rawJson(String(inner)) : inner));
}

/** An integer that a double would round becomes a bigint, so that a rule compares the digits that are forwarded. */
const exactNumber: SourceReviver = (_key, value, { source }) => {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  if (!Number.isFinite(value)) throw new RangeError("a number is too large");
  return source !== undefined && INTEGER.test(source) ? BigInt(source) : value;
};

type Found = "plain" | "rounded" | "deep";

/** Whether a message is nested too deeply to be walked safely, or holds a number that parsing may have rounded. */
function inspect(value: unknown, left: number): Found {
  if (typeof value === "number") return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value)) ? "plain" : "rounded";
  if (typeof value !== "object" || value === null) return "plain";
  if (left === 0) return "deep";
  let worst: Found = "plain";
  // Not for-in: on an object that was just parsed it costs four times as much as taking its values.
  const items: unknown[] = Array.isArray(value) ? value : Object.values(value);
  for (const item of items) {
    if (typeof item === "string") continue;
    const found = inspect(item, left - 1);
    if (found === "deep") return found;
    if (found === "rounded") worst = found;
  }
  return worst;
}

function checkEnvelope(value: unknown, plain: boolean): Parsed {
  if (Array.isArray(value)) return fault(INVALID_REQUEST, "batches are not supported: send one JSON-RPC message at a time");
  if (!isObject(value)) return fault(INVALID_REQUEST, "the body is not a JSON-RPC message");
  const id = isId(value.id) ? value.id : null;
  if (value.jsonrpc !== "2.0") return fault(INVALID_REQUEST, 'jsonrpc must be "2.0"', id);
  const { method, params } = value;
  if (method === undefined) return checkResponse(value, id, plain);
  if (typeof method !== "string" || method === "" || method.length > MAX_METHOD || !method.isWellFormed()) {
    return fault(INVALID_REQUEST, "method must be a string of 1 to 256 characters", id);
  }
  if ("id" in value && id === null) return fault(INVALID_REQUEST, "id must be a string or an integer");
  if (params !== undefined && !isObject(params)) return fault(INVALID_PARAMS, "params must be an object", id);
  return {
    ok: true,
    message: { kind: id === null ? "notification" : "request", body: value, id, method, params: params ?? null, plain },
  };
}

function checkResponse(value: JsonObject, id: RpcId | null, plain: boolean): Parsed {
  const answers = "result" in value !== "error" in value;
  if (!answers || (id === null && !("error" in value))) {
    return fault(INVALID_REQUEST, "the body is neither a request, nor a notification, nor a response", id);
  }
  return { ok: true, message: { kind: "response", body: value, id, method: "response", params: null, plain } };
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Half of a surrogate pair has no UTF-8: a record could not say it, and parsers differ in what they make of it. */
function isId(value: unknown): value is RpcId {
  return (typeof value === "string" && value.isWellFormed()) || typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
}

function fault(code: number, message: string, id: RpcId | null = null): Parsed {
  return { ok: false, fault: { code, message, id } };
}
