import { Writer } from "protobufjs/minimal.js";

/** OTLP/HTTP answers in the encoding that it was asked in. */
export type Encoding = "protobuf" | "json";

export const contentTypes = { protobuf: "application/x-protobuf", json: "application/json" } as const;

export function encodingOf(contentType: string | undefined): Encoding | undefined {
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase();
  return type === contentTypes.protobuf ? "protobuf" : type === contentTypes.json ? "json" : undefined;
}

/** ExportTraceServiceResponse; `partial_success` is left out when every span was stored. */
export function successBody(encoding: Encoding, rejectedSpans: number, message: string): Buffer | string {
  if (encoding === "json") {
    return rejectedSpans === 0 ? "{}" : JSON.stringify({ partialSuccess: { rejectedSpans: String(rejectedSpans), errorMessage: message } });
  }
  if (rejectedSpans === 0) return Buffer.alloc(0);
  const writer = Writer.create().uint32(0x0a).fork().uint32(0x08).uint32(rejectedSpans).uint32(0x12).string(message).ldelim();
  return Buffer.from(writer.finish());
}

/** google.rpc.Code by HTTP status. */
const rpcCodes: Readonly<Record<number, number>> = { 400: 3, 404: 12, 405: 12, 413: 8, 415: 3, 429: 8, 503: 14 };
const INTERNAL = 13;

/** google.rpc.Status */
export function statusBody(encoding: Encoding, httpStatus: number, message: string): Buffer | string {
  const code = rpcCodes[httpStatus] ?? INTERNAL;
  if (encoding === "json") return JSON.stringify({ code, message });
  return Buffer.from(Writer.create().uint32(0x08).uint32(code).uint32(0x12).string(message).finish());
}
