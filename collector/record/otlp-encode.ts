import { Writer } from "protobufjs/minimal.js";
import type { Attribute } from "./to-attributes.ts";
import { STATUS, type RecordSpan } from "./to-span.ts";

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

/** An ExportTraceServiceRequest of one resource and scope that spans are added to; `finish` may be called once. */
export interface TraceRequest {
  add(span: RecordSpan): void;
  finish(): Uint8Array;
}

export function createTraceRequest(resource: OtlpResource): TraceRequest {
  const writer = Writer.create();
  writer.uint32(REQUEST_RESOURCE_SPANS).fork();
  writer.uint32(RESOURCE_SPANS_RESOURCE).fork();
  for (const attribute of resource.attributes) writeAttribute(writer, RESOURCE_ATTRIBUTES, attribute);
  writer.ldelim();
  writer.uint32(RESOURCE_SPANS_SCOPE_SPANS).fork();
  writer.uint32(SCOPE_SPANS_SCOPE).fork();
  writer.uint32(SCOPE_NAME).string(resource.scopeName).uint32(SCOPE_VERSION).string(resource.scopeVersion);
  writer.ldelim();
  return {
    add: (span) => writeSpan(writer, span),
    finish: () => writer.ldelim().ldelim().finish(),
  };
}

function writeSpan(writer: Writer, span: RecordSpan): void {
  writer.uint32(SCOPE_SPANS_SPANS).fork();
  writer.uint32(SPAN_TRACE_ID).bytes(Buffer.from(span.traceId, "hex"));
  writer.uint32(SPAN_SPAN_ID).bytes(Buffer.from(span.spanId, "hex"));
  if (span.parentSpanId !== "") writer.uint32(SPAN_PARENT_SPAN_ID).bytes(Buffer.from(span.parentSpanId, "hex"));
  writer.uint32(SPAN_NAME).string(span.name);
  writer.uint32(SPAN_KIND).uint32(span.kind);
  writer.uint32(SPAN_START).fixed64(nanoseconds(span.startUs));
  writer.uint32(SPAN_END).fixed64(nanoseconds(span.endUs));
  for (const attribute of span.attributes) writeAttribute(writer, SPAN_ATTRIBUTES, attribute);
  if (span.status !== STATUS.unset) {
    writer.uint32(SPAN_STATUS).fork();
    if (span.statusMessage !== "") writer.uint32(STATUS_MESSAGE).string(span.statusMessage);
    writer.uint32(STATUS_CODE).uint32(span.status).ldelim();
  }
  writer.ldelim();
}

function writeAttribute(writer: Writer, field: number, [key, value]: Attribute): void {
  writer.uint32(field).fork().uint32(KEY_VALUE_KEY).string(key).uint32(KEY_VALUE_VALUE).fork();
  if (typeof value === "string") writer.uint32(ANY_STRING).string(value);
  else writer.uint32(ANY_INT).int64(value);
  writer.ldelim().ldelim();
}

/** Unix nanoseconds exceed what a number holds exactly, microseconds don't: so the two halves are computed apart. */
function nanoseconds(us: number): { low: number; high: number; unsigned: boolean } {
  const word = 2 ** 32;
  const low = (us % word) * 1000;
  return { low: low % word, high: Math.floor(us / word) * 1000 + Math.floor(low / word), unsigned: true };
}
