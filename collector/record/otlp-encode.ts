import { ByteWriter, varintBytes } from "./byte-writer.ts";
import type { Attribute, AttributeValue } from "./to-attributes.ts";
import { STATUS, type RecordSpan, type SpanHead } from "./to-span.ts";

/**
 * OTLP trace messages as protobuf bytes. Written by hand against opentelemetry/proto/trace/v1: seven small messages, of
 * which a generated encoder would build an object each per attribute first. A tag is (field number << 3 | wire type).
 */
const LEN = 2;
const FIXED64 = 1;
const VARINT = 0;
const tag = (field: number, wireType: number): number => (field << 3) | wireType;

const REQUEST_RESOURCE_SPANS = tag(1, LEN);
const RESOURCE_SPANS_RESOURCE = tag(1, LEN);
const RESOURCE_SPANS_SCOPE_SPANS = tag(2, LEN);
const RESOURCE_ATTRIBUTES = tag(1, LEN);
const SCOPE_SPANS_SCOPE = tag(1, LEN);
const SCOPE_SPANS_SPANS = tag(2, LEN);
const SCOPE_NAME = tag(1, LEN);
const SCOPE_VERSION = tag(2, LEN);

const SPAN_TRACE_ID = tag(1, LEN);
const SPAN_SPAN_ID = tag(2, LEN);
const SPAN_PARENT_SPAN_ID = tag(4, LEN);
const SPAN_NAME = tag(5, LEN);
const SPAN_KIND = tag(6, VARINT);
const SPAN_START = tag(7, FIXED64);
const SPAN_END = tag(8, FIXED64);
const SPAN_ATTRIBUTES = tag(9, LEN);
const SPAN_STATUS = tag(15, LEN);

const STATUS_MESSAGE = tag(2, LEN);
const STATUS_CODE = tag(3, VARINT);
const KEY_VALUE_KEY = tag(1, LEN);
const KEY_VALUE_VALUE = tag(2, LEN);
const ANY_STRING = tag(1, LEN);
const ANY_INT = tag(3, VARINT);

export interface OtlpResource {
  readonly attributes: readonly Attribute[];
  readonly scopeName: string;
  readonly scopeVersion: string;
}

/** An ExportTraceServiceRequest of one resource and scope around spans as `writeSpan` made them, which are not copied. */
export function traceRequest(resource: OtlpResource, spans: readonly Uint8Array[]): Uint8Array[] {
  const head = resourceBytes(resource);
  const scope = scopeBytes(resource);
  const scopeSpans = spans.reduce((sum, part) => sum + part.length, scope.length);
  const out = new ByteWriter(head.length + scope.length + 32);
  out.varint(REQUEST_RESOURCE_SPANS);
  out.varint(head.length + 1 + varintBytes(scopeSpans) + scopeSpans);
  out.bytes(head);
  out.varint(RESOURCE_SPANS_SCOPE_SPANS);
  out.varint(scopeSpans);
  out.bytes(scope);
  return [out.written(), ...spans];
}

function resourceBytes({ attributes }: OtlpResource): Uint8Array {
  const inner = new ByteWriter(512);
  for (const [key, value] of attributes) inner.bytes(attributeBytes(RESOURCE_ATTRIBUTES, key, value));
  return message(RESOURCE_SPANS_RESOURCE, inner);
}

function scopeBytes({ scopeName, scopeVersion }: OtlpResource): Uint8Array {
  const inner = new ByteWriter(128);
  inner.string(SCOPE_NAME, scopeName);
  inner.string(SCOPE_VERSION, scopeVersion);
  return message(SCOPE_SPANS_SCOPE, inner);
}

function message(field: number, inner: ByteWriter): Uint8Array {
  const out = new ByteWriter(inner.length + 8);
  out.varint(field);
  out.varint(inner.length);
  out.bytes(inner.written());
  return out.written();
}

/** As it is in any request, whatever its resource is. */
export function writeSpan(out: ByteWriter, span: RecordSpan): void {
  const start = beginSpan(out, span);
  for (const [key, value] of span.attributes) writeAttribute(out, SPAN_ATTRIBUTES, keyBytes(key), value);
  endSpan(out, start, span);
}

/** Writes what stands before a span's attributes, as it is in any request. Pass the result to `endSpan`. */
export function beginSpan(out: ByteWriter, span: SpanHead): number {
  out.varint(SCOPE_SPANS_SPANS);
  const start = out.beginMessage();
  out.hex(SPAN_TRACE_ID, span.traceId);
  out.hex(SPAN_SPAN_ID, span.spanId);
  if (span.parentSpanId !== "") out.hex(SPAN_PARENT_SPAN_ID, span.parentSpanId);
  out.string(SPAN_NAME, span.name);
  out.varint(SPAN_KIND);
  out.varint(span.kind);
  out.varint(SPAN_START);
  writeNanoseconds(out, span.startUs);
  out.varint(SPAN_END);
  writeNanoseconds(out, span.endUs);
  return start;
}

export function endSpan(out: ByteWriter, start: number, span: SpanHead): void {
  if (span.status !== STATUS.unset) {
    out.varint(SPAN_STATUS);
    const status = out.beginMessage();
    if (span.statusMessage !== "") out.string(STATUS_MESSAGE, span.statusMessage);
    out.varint(STATUS_CODE);
    out.varint(span.status);
    out.endMessage(status);
  }
  out.endMessage(start);
}

/** One attribute of a span; `key` is what `keyBytes` made. */
export function writeSpanAttribute(out: ByteWriter, key: Uint8Array, value: AttributeValue): void {
  writeAttribute(out, SPAN_ATTRIBUTES, key, value);
}

/** The same with text that is spelled in UTF-8 already, from `start` to `end` of `from`. */
export function writeSpanText(out: ByteWriter, key: Uint8Array, from: ByteWriter, start: number, end: number): void {
  const length = end - start;
  beginAttribute(out, SPAN_ATTRIBUTES, key, 1 + varintBytes(length) + length);
  out.varint(ANY_STRING);
  out.varint(length);
  out.copy(from, start, end);
}

function attributeBytes(field: number, key: string, value: AttributeValue): Uint8Array {
  const out = new ByteWriter(128);
  writeAttribute(out, field, keyBytes(key), value);
  return Uint8Array.from(out.written());
}

export function keyBytes(key: string): Uint8Array {
  const out = new ByteWriter(64);
  out.string(KEY_VALUE_KEY, key);
  return Uint8Array.from(out.written());
}

function writeAttribute(out: ByteWriter, field: number, key: Uint8Array, value: AttributeValue): void {
  const length = typeof value === "string" ? Buffer.byteLength(value) : 0;
  const any = typeof value === "string" ? 1 + varintBytes(length) + length : 1 + varintBytes(value);
  beginAttribute(out, field, key, any);
  if (typeof value === "string") out.string(ANY_STRING, value, length);
  else {
    out.varint(ANY_INT);
    out.varint(value);
  }
}

/** What stands before an attribute's value, which takes `any` bytes. */
function beginAttribute(out: ByteWriter, field: number, key: Uint8Array, any: number): void {
  out.varint(field);
  out.varint(key.length + 1 + varintBytes(any) + any);
  out.bytes(key);
  out.varint(KEY_VALUE_VALUE);
  out.varint(any);
}

/** Unix nanoseconds exceed what a number holds exactly, microseconds don't: so the two halves are computed apart. */
function writeNanoseconds(out: ByteWriter, us: number): void {
  const word = 2 ** 32;
  const low = (us % word) * 1000;
  out.fixed64(low % word, Math.floor(us / word) * 1000 + Math.floor(low / word));
}
