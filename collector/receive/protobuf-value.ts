import type { Reader } from "protobufjs/minimal.js";
import type { Bytes } from "./bytes.ts";
import { arrayJson, doubleJson, doubleText, mapJson, stringJson } from "./go-text.ts";

/** Arrays and maps inside each other deeper than this are refused: nobody means them, and the stack is finite. */
export const MAX_VALUE_DEPTH = 32;

const tooLong = "a field is longer than the message it is in";

/** Reads a length and returns where the message or string that follows ends. */
export function endOf(r: Reader): number {
  const size = r.size();
  const end = r.pos + size;
  if (end > r.len) throw new RangeError(tooLong);
  return end;
}

/** A message ends exactly where its length said; anything else means that a field inside ran over its end. */
export function mustEndAt(r: Reader, end: number): void {
  if (r.pos !== end) throw new RangeError(tooLong);
}

export function skipField(r: Reader, tag: number): void {
  r.skipType(tag & 7, 0, tag >>> 3);
}

/** AnyValue's members. Of several in one message the last counts, as for every oneof. */
const STRING = 0x0a;
const BOOL = 0x10;
const INT = 0x18;
const DOUBLE = 0x21;
const ARRAY = 0x2a;
const MAP = 0x32;
const BYTES = 0x3a;

/** Writes the AnyValue between `r.pos` and `end` as one String value. */
export function putAnyValue(out: Bytes, r: Reader, end: number): void {
  const start = r.pos;
  // The usual attribute is one string and nothing else: its bytes are copied without becoming text.
  if (start < end && r.buf[start] === STRING) {
    r.pos++;
    const stringEnd = endOf(r);
    if (stringEnd === end) {
      out.putUtf8(r.buf as Buffer, r.pos, end);
      r.pos = end;
      return;
    }
    r.pos = start;
  }
  out.putText(anyValueText(r, end));
}

export function anyValueText(r: Reader, end: number): string {
  let text = "";
  while (r.pos < end) {
    const tag = r.tag();
    if (tag === STRING) text = r.string();
    else if (tag === BOOL) text = String(r.bool());
    else if (tag === INT) text = int64Text(r);
    else if (tag === DOUBLE) text = doubleText(r.double());
    else if (tag === ARRAY) text = arrayValueJson(r, 1);
    else if (tag === MAP) text = mapValueJson(r, 1);
    else if (tag === BYTES) text = base64(r);
    else skipField(r, tag);
  }
  mustEndAt(r, end);
  return text;
}

function anyValueJson(r: Reader, depth: number): string {
  if (depth > MAX_VALUE_DEPTH) throw new RangeError(`an attribute is nested deeper than ${MAX_VALUE_DEPTH} levels`);
  const end = endOf(r);
  let json = "null";
  while (r.pos < end) {
    const tag = r.tag();
    if (tag === STRING) json = stringJson(r.string());
    else if (tag === BOOL) json = String(r.bool());
    else if (tag === INT) json = int64Text(r);
    else if (tag === DOUBLE) json = doubleJson(r.double());
    else if (tag === ARRAY) json = arrayValueJson(r, depth + 1);
    else if (tag === MAP) json = mapValueJson(r, depth + 1);
    else if (tag === BYTES) json = `"${base64(r)}"`;
    else skipField(r, tag);
  }
  mustEndAt(r, end);
  return json;
}

function arrayValueJson(r: Reader, depth: number): string {
  const end = endOf(r);
  const items: string[] = [];
  while (r.pos < end) {
    const tag = r.tag();
    if (tag === 0x0a) items.push(anyValueJson(r, depth));
    else skipField(r, tag);
  }
  mustEndAt(r, end);
  return arrayJson(items);
}

function mapValueJson(r: Reader, depth: number): string {
  const end = endOf(r);
  const entries = new Map<string, string>();
  while (r.pos < end) {
    const tag = r.tag();
    if (tag !== 0x0a) {
      skipField(r, tag);
      continue;
    }
    const entryEnd = endOf(r);
    let key = "";
    let json = "null";
    while (r.pos < entryEnd) {
      const inner = r.tag();
      if (inner === 0x0a) key = r.string();
      else if (inner === 0x12) json = anyValueJson(r, depth);
      else skipField(r, inner);
    }
    mustEndAt(r, entryEnd);
    entries.set(key, json);
  }
  mustEndAt(r, end);
  return mapJson(entries);
}

function base64(r: Reader): string {
  const end = endOf(r);
  const text = (r.buf as Buffer).toString("base64", r.pos, end);
  r.pos = end;
  return text;
}

/** Nearly every integer is short, and a Long object for each would cost more than the rest of the attribute. */
function int64Text(r: Reader): string {
  const { buf, len } = r;
  let value = 0;
  let scale = 1;
  for (let at = r.pos; at < len && at < r.pos + 7; at++) {
    const byte = buf[at] as number;
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) {
      r.pos = at + 1;
      return String(value);
    }
  }
  return String(r.int64());
}
