import { Bytes } from "./bytes.ts";
import { MapColumn, NestedColumn } from "./columns.ts";

/** The numbers of a span, whichever encoding it came in. Times are Unix nanoseconds in two 32-bit halves. */
export interface SpanNumbers {
  kind: number;
  status: number;
  startLow: number;
  startHigh: number;
  endLow: number;
  endHigh: number;
}

/** As pdata prints them: a number that the protocol does not know is the empty string. */
const kinds = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"];
const statuses = ["Unset", "Ok", "Error"];

/**
 * 2^32 seconds (February 2106) in nanoseconds is 10^9 in the upper half. The sorting key and the rollups hold seconds in
 * 32 bits, so a later time would be stored under a wrong one.
 */
export const TIME_HIGH_END = 1_000_000_000;

/** The request's rows would be far larger than its body. */
export class BlockTooLarge extends Error {}

/**
 * Rows of `otel_traces`, filled column by column while a request is decoded, in the shape that the Collector's ClickHouse
 * exporter writes. A decoder calls `begin`, writes the maps and nested arrays as it meets them, then either `commit`
 * (having written every string column once) or `reject`.
 */
export class TraceBlock {
  rows = 0;
  rejected = 0;
  firstProblem = "";
  /** Days that the rows touch: each is a partition. */
  readonly days = new Set<number>();
  /** A row's place in an audit log as `producer` NUL `seq`; empty for spans that are not audit records. */
  readonly auditKeys: string[] = [];
  readonly #maxBytes: number;
  #resourceBytes = 0;

  readonly timestamp = new Bytes();
  readonly traceId = new Bytes();
  readonly spanId = new Bytes();
  readonly parentSpanId = new Bytes();
  readonly traceState = new Bytes();
  readonly spanName = new Bytes();
  readonly spanKind = new Bytes();
  readonly serviceName = new Bytes();
  readonly resourceAttributes = new MapColumn();
  readonly scopeName = new Bytes();
  readonly scopeVersion = new Bytes();
  readonly spanAttributes = new MapColumn();
  readonly duration = new Bytes();
  readonly statusCode = new Bytes();
  readonly statusMessage = new Bytes();
  readonly events = new NestedColumn("Timestamp", "Name");
  readonly links = new NestedColumn("TraceId", "SpanId", "TraceState");

  /** What every row of the current resource and scope repeats, encoded once. */
  readonly resource = new MapColumn();
  readonly service = new Bytes(64);
  readonly scope = new Bytes(128);
  /** Where the scope's version begins in `scope`. */
  scopeSplit = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  begin(): void {
    this.spanAttributes.mark();
    this.events.mark();
    this.links.mark();
  }

  reject(problem: string, spans = 1): void {
    this.spanAttributes.rollback();
    this.events.rollback();
    this.links.rollback();
    this.rejected += spans;
    this.firstProblem ||= problem;
  }

  commit(n: SpanNumbers, auditKey: string): void {
    this.timestamp.putUInt64(n.startLow, n.startHigh);
    this.#putDuration(n);
    this.spanKind.putAscii(kinds[n.kind] ?? "");
    this.statusCode.putAscii(statuses[n.status] ?? "");
    this.#repeatResource();
    this.spanAttributes.close();
    this.events.closeRow();
    this.links.closeRow();
    this.days.add(Math.floor((n.startHigh * 4.294967296 + n.startLow * 1e-9) / 86_400));
    this.auditKeys.push(auditKey);
    this.rows++;
  }

  /** A span that ends before it starts lasts 0 ns: the unsigned difference would be 584 years and spoil every sum. */
  #putDuration(n: SpanNumbers): void {
    let low = n.endLow - n.startLow;
    let high = n.endHigh - n.startHigh;
    if (low < 0) {
      low += 0x1_0000_0000;
      high -= 1;
    }
    if (high < 0) low = high = 0;
    this.duration.putUInt64(low, high);
  }

  /** One short body can name a large resource for very many small spans, so this is where the size is watched. */
  #repeatResource(): void {
    const { resource, service, scope } = this;
    this.#resourceBytes += resource.keys.length + resource.values.length + service.length + scope.length;
    if (this.#resourceBytes > this.#maxBytes) throw new BlockTooLarge(`spans and the resources they repeat exceed ${this.#maxBytes} bytes`);
    this.resourceAttributes.append(resource);
    this.resourceAttributes.close();
    this.serviceName.putRaw(service.buf, 0, service.length);
    this.scopeName.putRaw(scope.buf, 0, this.scopeSplit);
    this.scopeVersion.putRaw(scope.buf, this.scopeSplit, scope.length);
  }

  /** The hex ids of a row, for the deduplication token. They have one length each, so a row's place is known. */
  identity(row: number): string {
    const trace = this.traceId.buf.toString("latin1", row * 33 + 1, row * 33 + 33);
    const span = this.spanId.buf.toString("latin1", row * 17 + 1, row * 17 + 17);
    return trace + span + (this.auditKeys[row] ?? "");
  }

  /** The block in Native format, as pieces to be sent one after the other. */
  native(): Buffer[] {
    const columns = this.#columns();
    const head = new Bytes(16);
    head.putVarint(columns.length);
    head.putVarint(this.rows);
    const parts = [head.view()];
    for (const [name, type, data] of columns) {
      const title = new Bytes(64);
      title.putAscii(name);
      title.putAscii(type);
      parts.push(title.view(), ...data.filter((d) => d.length > 0).map((d) => d.view()));
    }
    return parts;
  }

  #columns(): [name: string, type: string, data: Bytes[]][] {
    const { resourceAttributes: ra, spanAttributes: sa, events, links } = this;
    const map = (m: MapColumn): Bytes[] => [m.ends, m.keys, m.values];
    return [
      ["Timestamp", "DateTime64(9)", [this.timestamp]],
      ["TraceId", "String", [this.traceId]],
      ["SpanId", "String", [this.spanId]],
      ["ParentSpanId", "String", [this.parentSpanId]],
      ["TraceState", "String", [this.traceState]],
      ["SpanName", "String", [this.spanName]],
      ["SpanKind", "String", [this.spanKind]],
      ["ServiceName", "String", [this.serviceName]],
      ["ResourceAttributes", "Map(String, String)", map(ra)],
      ["ScopeName", "String", [this.scopeName]],
      ["ScopeVersion", "String", [this.scopeVersion]],
      ["SpanAttributes", "Map(String, String)", map(sa)],
      ["Duration", "UInt64", [this.duration]],
      ["StatusCode", "String", [this.statusCode]],
      ["StatusMessage", "String", [this.statusMessage]],
      ["Events.Timestamp", "Array(DateTime64(9))", [events.ends, events.arrays.Timestamp]],
      ["Events.Name", "Array(String)", [events.ends, events.arrays.Name]],
      ["Events.Attributes", "Array(Map(String, String))", [events.ends, ...map(events.attributes)]],
      ["Links.TraceId", "Array(String)", [links.ends, links.arrays.TraceId]],
      ["Links.SpanId", "Array(String)", [links.ends, links.arrays.SpanId]],
      ["Links.TraceState", "Array(String)", [links.ends, links.arrays.TraceState]],
      ["Links.Attributes", "Array(Map(String, String))", [links.ends, ...map(links.attributes)]],
    ];
  }
}
