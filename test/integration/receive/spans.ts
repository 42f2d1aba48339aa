import { randomBytes } from "node:crypto";
import { encodeProtobuf } from "../../golden/receive/encode-protobuf.ts";

const attribute = (key: string, value: string | number): object => ({
  key,
  value: typeof value === "number" ? { intValue: String(value) } : { stringValue: value },
});

/** A batch as the spool's exporter cuts it: records `first` to `last` of one producer, each with a span of its upstream. */
export interface Batch {
  readonly name: string;
  readonly body: Buffer;
}

export function auditBatch(producer: string, first: number, last: number): Batch {
  const spans: object[] = [];
  for (let seq = first; seq <= last; seq++) spans.push(...record(producer, seq));
  const resource = { attributes: [attribute("service.name", "signalbox"), attribute("service.instance.id", producer)] };
  const body = encodeProtobuf({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "signalbox" }, spans }] }] });
  return { name: `${producer}:${first}-${last}`, body };
}

function record(producer: string, seq: number): object[] {
  const traceId = randomBytes(16).toString("hex");
  const spanId = randomBytes(8).toString("hex");
  const startNs = 1_790_000_000_000_000_000n + BigInt(seq) * 40_000_000n;
  const times = { startTimeUnixNano: String(startNs), endTimeUnixNano: String(startNs + 5_000_000n) };
  const attributes = Object.entries({
    "mcp.method.name": "tools/call",
    "gen_ai.tool.name": `tool-${seq % 3}`,
    "signalbox.agent": `agent-${seq % 5}`,
    "signalbox.audit.producer": producer,
    "signalbox.audit.seq": seq,
    "signalbox.arguments": JSON.stringify([["/q", "ab", seq % 4, 0.5]]),
    "signalbox.decision": "allow",
    "signalbox.decision.policies": '["p1"]',
    "signalbox.outcome": "ok",
    "signalbox.server": `server-${seq % 2}`,
    "signalbox.time.answered_us": 4900,
    "signalbox.time.forwarded_us": 100,
    "signalbox.time.proxy_us": 150,
  }).map(([key, value]) => attribute(key, value));
  return [
    { traceId, spanId, name: "tools/call", kind: 2, ...times, attributes },
    { traceId, spanId: randomBytes(8).toString("hex"), parentSpanId: spanId, name: "tools/call", kind: 3, ...times },
  ];
}

/** What the tables hold of everything that was sent. */
export const TOTALS = `SELECT
    (SELECT count() FROM otel_traces) AS spans,
    (SELECT uniqExact(TraceId, SpanId) FROM otel_traces) AS distinct_spans,
    (SELECT count() FROM calls) AS calls,
    (SELECT uniqExact(producer, seq) FROM calls) AS distinct_calls,
    (SELECT sum(calls) FROM calls_1m) AS minutes,
    (SELECT sum(calls) FROM latency_1m) AS latencies,
    (SELECT uniqExact(TraceId) FROM otel_traces_trace_id_ts) AS traces`;

export function totalsOf(calls: number): Record<string, string> {
  const n = String(calls);
  const spans = String(calls * 2);
  return { spans, distinct_spans: spans, calls: n, distinct_calls: n, minutes: n, latencies: n, traces: n };
}
