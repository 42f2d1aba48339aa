import protobuf from "protobufjs";

/**
 * OTLP JSON as the wire form, through protobufjs's reflection over the schema of opentelemetry-proto: an encoder that
 * shares no code with the receiver's decoders.
 */
const schema = `
syntax = "proto3";
message Request { repeated ResourceSpans resourceSpans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scopeSpans = 2; string schemaUrl = 3; }
message Resource { repeated KeyValue attributes = 1; uint32 droppedAttributesCount = 2; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schemaUrl = 3; }
message Scope { string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 droppedAttributesCount = 4; }
message Span {
  bytes traceId = 1; bytes spanId = 2; string traceState = 3; bytes parentSpanId = 4; fixed32 flags = 16; string name = 5;
  int32 kind = 6; fixed64 startTimeUnixNano = 7; fixed64 endTimeUnixNano = 8; repeated KeyValue attributes = 9;
  uint32 droppedAttributesCount = 10; repeated Event events = 11; uint32 droppedEventsCount = 12; repeated Link links = 13;
  uint32 droppedLinksCount = 14; Status status = 15;
}
message Event { fixed64 timeUnixNano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 droppedAttributesCount = 4; }
message Link { bytes traceId = 1; bytes spanId = 2; string traceState = 3; repeated KeyValue attributes = 4; fixed32 flags = 6; }
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue {
  oneof value {
    string stringValue = 1; bool boolValue = 2; int64 intValue = 3; double doubleValue = 4; ArrayValue arrayValue = 5;
    KeyValueList kvlistValue = 6; bytes bytesValue = 7;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message Response { PartialSuccess partialSuccess = 1; }
message PartialSuccess { int64 rejectedSpans = 1; string errorMessage = 2; }
message RpcStatus { int32 code = 1; string message = 2; }
`;

const root = protobuf.parse(schema, { keepCase: true }).root;
const idKeys = new Set(["traceId", "spanId", "parentSpanId"]);

export function encodeProtobuf(request: object): Buffer {
  const withIds = JSON.parse(JSON.stringify(request), (key, value: unknown) => {
    return idKeys.has(key) && typeof value === "string" ? Buffer.from(value, "hex").toString("base64") : value;
  }) as Record<string, unknown>;
  const type = root.lookupType("Request");
  return Buffer.from(type.encode(type.fromObject(withIds)).finish());
}

export function decodeMessage(name: "Response" | "RpcStatus", body: Uint8Array): Record<string, unknown> {
  const type = root.lookupType(name);
  return type.toObject(type.decode(body), { longs: Number });
}
