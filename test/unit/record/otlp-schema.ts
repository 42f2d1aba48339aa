import protobuf from "protobufjs";
import { ByteWriter } from "../../../collector/record/byte-writer.ts";
import { traceRequest, writeSpan, type OtlpResource } from "../../../collector/record/otlp-encode.ts";
import type { RecordSpan } from "../../../collector/record/to-span.ts";

/** The part of opentelemetry/proto that spans need, written down a second time: what the encoder is checked against. */
const source = `
syntax = "proto3";
package otlp;
message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message InstrumentationScope { string name = 1; string version = 2; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
  int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
  Status status = 15; fixed32 flags = 16;
}
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
`;

const Request = protobuf.parse(source, { keepCase: false }).root.lookupType("otlp.ExportTraceServiceRequest");

export interface DecodedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  attributes: Record<string, string>;
  keys: string[];
  status: { code: number; message: string } | null;
}

interface RawKeyValue {
  key: string;
  value: Record<string, string>;
}

/** Every attribute as text, as a collector writes it into the table's map. */
export function decodeRequest(bytes: Uint8Array): { resource: Record<string, string>; spans: DecodedSpan[] } {
  const raw = Request.toObject(Request.decode(bytes), { longs: String, bytes: Array, defaults: false, arrays: true }) as any;
  const [resourceSpans] = raw.resourceSpans;
  const hex = (value: number[] | undefined): string => Buffer.from(value ?? []).toString("hex");
  const values = (list: RawKeyValue[]) => Object.fromEntries(list.map(({ key, value }) => [key, String(Object.values(value)[0])]));
  return {
    resource: values(resourceSpans.resource.attributes),
    spans: resourceSpans.scopeSpans[0].spans.map((span: any) => ({
      traceId: hex(span.traceId),
      spanId: hex(span.spanId),
      parentSpanId: hex(span.parentSpanId),
      name: span.name,
      kind: span.kind,
      startTimeUnixNano: BigInt(span.startTimeUnixNano),
      endTimeUnixNano: BigInt(span.endTimeUnixNano),
      attributes: values(span.attributes),
      keys: span.attributes.map((a: RawKeyValue) => a.key),
      status: span.status ? { code: span.status.code, message: span.status.message ?? "" } : null,
    })),
  };
}

/** One request of these spans. */
export function requestOf(resource: OtlpResource, spans: readonly RecordSpan[]): Buffer<ArrayBuffer> {
  const out = new ByteWriter(1024);
  for (const span of spans) writeSpan(out, span);
  return Buffer.concat(traceRequest(resource, [out.written()]));
}
