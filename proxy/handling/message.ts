import { isUtf8 } from "node:buffer";
import { isObject, type JsonObject } from "./walk.ts";

/** A message that answers, as it was parsed. */
export interface AnswerMessage {
  readonly message: JsonObject;
  readonly member: "result" | "error";
  readonly value: JsonObject;
}

type SourceReviver = (key: string, value: unknown, context?: { source?: string }) => unknown;
const { rawJSON } = JSON as unknown as { rawJSON?: (text: string) => unknown };

/** Numbers that a double may not hold, or that would be written differently. */
const INEXACT = /\d[\d.]{15}|\d[eE][+-]?\d|-0\b/;

/** Null for what is no answer to a request: not JSON, a list, without a result or an error that is an object. */
export function readAnswer(bytes: Buffer): AnswerMessage | null {
  let message: unknown;
  try {
    message = JSON.parse(bytes.toString("utf8"));
  } catch {
    return null;
  }
  return asAnswer(message);
}

function asAnswer(message: unknown): AnswerMessage | null {
  // Of a message with both, clients differ in which they read.
  if (!isObject(message) || (message.result !== undefined && message.error !== undefined)) return null;
  for (const member of ["result", "error"] as const) {
    const value = message[member];
    if (isObject(value)) return { message, member, value };
  }
  return null;
}

/** The same, with the numbers kept as they were written: for an answer that is changed and written anew. */
export function readExactly(bytes: Buffer): AnswerMessage | null {
  const text = bytes.toString("utf8");
  if (rawJSON === undefined || !INEXACT.test(text)) return readAnswer(bytes);
  const exact: SourceReviver = (_key, value, context) =>
    typeof value === "number" && context?.source !== undefined && String(value) !== context.source ? rawJSON(context.source) : value;
  try {
    return asAnswer((JSON.parse as (text: string, reviver: SourceReviver) => unknown)(text, exact));
  } catch {
    return null;
  }
}

/** JSON on the wire is UTF-8; in another encoding it would not be looked at, and some clients guess encodings. */
export const isJsonEncoding = (bytes: Buffer): boolean => isUtf8(bytes) && !bytes.includes(0);

export const needsExactness = (bytes: Buffer): boolean => INEXACT.test(bytes.toString("latin1"));

/** With another result or error, everything else as it was; `id` where it answers another request. */
export function writeAnswer(answer: AnswerMessage, value: JsonObject, id?: unknown): Buffer {
  const message = { ...answer.message, ...(id === undefined ? {} : { id }), [answer.member]: value };
  return Buffer.from(JSON.stringify(message, (_key, one: unknown) => (typeof one === "bigint" ? (rawJSON?.(String(one)) ?? Number(one)) : one)));
}
