import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Reader } from "protobufjs/minimal.js";

export interface OtlpSink {
  readonly url: string;
  /** Attributes of the spans that arrived, in order, where they were to be kept; those that are text. */
  readonly spans: Readonly<Record<string, string>>[];
  stop(): Promise<void>;
}

/** A collector that takes everything, and keeps nothing unless it is told to. */
export async function startOtlpSink({ keep = false }: { keep?: boolean } = {}): Promise<OtlpSink> {
  const spans: Record<string, string>[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    if (keep) request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => spans.push(...attributesIn(Buffer.concat(chunks))));
    request.resume();
    request.on("end", () => response.writeHead(200, { "content-type": request.headers["content-type"] ?? "application/json" }).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    spans,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Of an ExportTraceServiceRequest in protobuf: resource_spans(1), scope_spans(2), spans(2), attributes(9), key(1), value(2). */
function attributesIn(body: Buffer): Record<string, string>[] {
  const spans = fields(body, 1).flatMap((resource) => fields(resource, 2)).flatMap((scope) => fields(scope, 2));
  return spans.map((span) => Object.fromEntries(fields(span, 9).map((pair) => [text(fields(pair, 1)), text(fields(fields(pair, 2)[0] ?? new Uint8Array(), 1))])));
}

const text = ([bytes]: readonly Uint8Array[]): string => Buffer.from(bytes ?? []).toString("utf8");

/** The values of one length-delimited field. */
function fields(message: Uint8Array, wanted: number): Uint8Array[] {
  const reader = Reader.create(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((wanted << 3) | 2)) found.push(reader.bytes());
    else reader.skipType(tag & 7);
  }
  return found;
}
