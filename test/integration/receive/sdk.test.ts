import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resources, tracing } from "@opentelemetry/sdk-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { startReceiver, type TestReceiver } from "./support.ts";

describe("OpenTelemetry's own SDK", () => {
  let engine: TestEngine;
  let receiver: TestReceiver;
  beforeAll(async () => {
    engine = await startEngine();
    receiver = await startReceiver({ url: engine.url, username: "default", password: "" }, "signalbox");
  });
  afterAll(async () => {
    await receiver.stop();
    await engine.stop();
  });

  const exporters = {
    JSON: (url: string) => new JsonExporter({ url }),
    "JSON in gzip": (url: string) => new JsonExporter({ url, compression: "gzip" as never }),
    protobuf: (url: string) => new ProtobufExporter({ url }),
  };

  it.each(Object.entries(exporters))("sends spans as %s and they arrive whole", async (encoding, exporter) => {
    const service = `sdk ${encoding}`;
    const provider = new tracing.BasicTracerProvider({
      resource: resources.resourceFromAttributes({ "service.name": service }),
      spanProcessors: [new tracing.BatchSpanProcessor(exporter(`${receiver.url}/v1/traces`))],
    });
    const tracer = provider.getTracer("checkout", "2.0");
    const startTime = new Date("2026-02-03T04:05:06.789Z");
    const links = [{ context: { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 } }];
    const span = tracer.startSpan("pay", { kind: SpanKind.CLIENT, startTime, links, attributes: { amount: 12.5, items: ["a", "b"], express: true, n: 3 } });
    span.addEvent("retry", { attempt: 2 }, new Date("2026-02-03T04:05:06.800Z"));
    span.setStatus({ code: SpanStatusCode.ERROR, message: "declined" });
    span.end(new Date("2026-02-03T04:05:07.000Z"));
    await provider.shutdown();

    const [row] = await receiver.store.query("SELECT * FROM otel_traces WHERE ServiceName = {service:String}", { service });
    const { traceId, spanId } = span.spanContext();
    expect(row).toMatchObject({
      Timestamp: "2026-02-03T04:05:06.789000000Z",
      TraceId: traceId,
      SpanId: spanId,
      SpanName: "pay",
      SpanKind: "Client",
      ScopeName: "checkout",
      ScopeVersion: "2.0",
      Duration: "211000000",
      StatusCode: "Error",
      StatusMessage: "declined",
      SpanAttributes: { amount: "12.5", items: '["a","b"]', express: "true", n: "3" },
      "Events.Timestamp": ["2026-02-03T04:05:06.800000000Z"],
      "Events.Name": ["retry"],
      "Events.Attributes": [{ attempt: "2" }],
      "Links.TraceId": ["0af7651916cd43dd8448eb211c80319c"],
      "Links.SpanId": ["b7ad6b7169203331"],
    });
  });
});
