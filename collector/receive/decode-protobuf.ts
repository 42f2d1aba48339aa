import { Reader } from "protobufjs/minimal.js";
import type { MapColumn } from "./columns.ts";
import { endOf, mustEndAt, putAnyValue, skipField } from "./protobuf-value.ts";
import { TIME_HIGH_END, type TraceBlock } from "./trace-block.ts";
import { problems } from "./problems.ts";

/**
 * ExportTraceServiceRequest from its wire form straight into columns. Field numbers stand as tags (number << 3 | wire
 * type), so a field of another wire type counts as unknown and is skipped, as in every protobuf decoder. Throws on bytes
 * that are not such a message; a span that is well-formed but can't be stored is rejected alone.
 */
export function decodeProtobuf(body: Buffer, block: TraceBlock): void {
  const decoder = new Decoder(body, block);
  decoder.request();
}

const keyBytes = (key: string): { key: string; size: number } => ({ key, size: Buffer.byteLength(key) });
const SERVICE_NAME = keyBytes("service.name");
const PRODUCER = keyBytes("signalbox.audit.producer");
const SEQ = keyBytes("signalbox.audit.seq");

/** A string field's place in the body. Fields may come in any order and twice, so they are written when all are known. */
class Range {
  start = 0;
  end = 0;
  clear(): void {
    this.start = this.end = 0;
  }
}

class Decoder {
  readonly #r: Reader;
  readonly #buf: Buffer;
  readonly #block: TraceBlock;
  readonly #traceId = new Range();
  readonly #spanId = new Range();
  readonly #parentSpanId = new Range();
  readonly #traceState = new Range();
  readonly #name = new Range();
  readonly #message = new Range();
  readonly #key = new Range();
  readonly #spanRanges = [this.#traceId, this.#spanId, this.#parentSpanId, this.#traceState, this.#name, this.#message];
  readonly #numbers = { kind: 0, status: 0, startLow: 0, startHigh: 0, endLow: 0, endHigh: 0 };
  #producer = "";
  #seq = "";

  constructor(body: Buffer, block: TraceBlock) {
    this.#r = Reader.create(body);
    this.#buf = body;
    this.#block = block;
  }

  request(): void {
    const r = this.#r;
    while (r.pos < r.len) {
      const tag = r.tag();
      if (tag === 0x0a) this.#resourceSpans(endOf(r));
      else skipField(r, tag);
    }
  }

  /** The resource may stand behind the spans that it belongs to: it is looked for first. */
  #resourceSpans(end: number): void {
    const r = this.#r;
    const start = r.pos;
    const { resource, service } = this.#block;
    resource.clear();
    service.truncate(0);
    while (r.pos < end) {
      const tag = r.tag();
      if (tag === 0x0a) this.#resource(endOf(r));
      else skipField(r, tag);
    }
    mustEndAt(r, end);
    if (service.length === 0) service.putAscii("");

    r.pos = start;
    while (r.pos < end) {
      const tag = r.tag();
      if (tag === 0x12) this.#scopeSpans(endOf(r));
      else skipField(r, tag);
    }
  }

  #resource(end: number): void {
    const r = this.#r;
    const { resource, service } = this.#block;
    while (r.pos < end) {
      const tag = r.tag();
      if (tag !== 0x0a) {
        skipField(r, tag);
        continue;
      }
      const valueStart = resource.values.length;
      this.#attribute(resource);
      if (this.#keyIs(SERVICE_NAME)) {
        service.truncate(0);
        service.putRaw(resource.values.buf, valueStart, resource.values.length);
      }
    }
    mustEndAt(r, end);
  }

  #scopeSpans(end: number): void {
    const r = this.#r;
    const start = r.pos;
    this.#name.clear();
    this.#message.clear();
    while (r.pos < end) {
      const tag = r.tag();
      if (tag === 0x0a) this.#scope(endOf(r));
      else skipField(r, tag);
    }
    mustEndAt(r, end);
    const { scope } = this.#block;
    scope.truncate(0);
    scope.putUtf8(this.#buf, this.#name.start, this.#name.end);
    this.#block.scopeSplit = scope.length;
    scope.putUtf8(this.#buf, this.#message.start, this.#message.end);

    r.pos = start;
    while (r.pos < end) {
      const tag = r.tag();
      if (tag === 0x12) this.#span(endOf(r));
      else skipField(r, tag);
    }
  }

  #scope(end: number): void {
    const r = this.#r;
    while (r.pos < end) {
      const tag = r.tag();
      if (tag === 0x0a) this.#range(this.#name);
      else if (tag === 0x12) this.#range(this.#message);
      else skipField(r, tag);
    }
    mustEndAt(r, end);
  }

  #span(end: number): void {
    const r = this.#r;
    const block = this.#block;
    const n = this.#numbers;
    for (const range of this.#spanRanges) range.clear();
    n.kind = n.status = n.startLow = n.startHigh = n.endLow = n.endHigh = 0;
    this.#producer = this.#seq = "";
    let problem = "";
    block.begin();
    while (r.pos < end) {
      const tag = r.tag();
      switch (tag) {
        case 0x0a:
          this.#range(this.#traceId);
          break;
        case 0x12:
          this.#range(this.#spanId);
          break;
        case 0x1a:
          this.#range(this.#traceState);
          break;
        case 0x22:
          this.#range(this.#parentSpanId);
          break;
        case 0x2a:
          this.#range(this.#name);
          break;
        case 0x30:
          n.kind = r.int32();
          break;
        case 0x39:
          n.startLow = r.fixed32();
          n.startHigh = r.fixed32();
          break;
        case 0x41:
          n.endLow = r.fixed32();
          n.endHigh = r.fixed32();
          break;
        case 0x4a:
          this.#spanAttribute();
          break;
        case 0x5a:
          problem = this.#event(endOf(r)) || problem;
          break;
        case 0x6a:
          problem = this.#link(endOf(r)) || problem;
          break;
        case 0x7a:
          this.#status(endOf(r));
          break;
        default:
          skipField(r, tag);
      }
    }
    mustEndAt(r, end);
    problem ||= this.#spanProblem();
    if (problem !== "") return block.reject(problem);

    const buf = this.#buf;
    block.traceId.putHex(buf, this.#traceId.start, this.#traceId.end);
    block.spanId.putHex(buf, this.#spanId.start, this.#spanId.end);
    if (this.#isZero(this.#parentSpanId)) block.parentSpanId.putAscii("");
    else block.parentSpanId.putHex(buf, this.#parentSpanId.start, this.#parentSpanId.end);
    block.traceState.putUtf8(buf, this.#traceState.start, this.#traceState.end);
    block.spanName.putUtf8(buf, this.#name.start, this.#name.end);
    block.statusMessage.putUtf8(buf, this.#message.start, this.#message.end);
    block.commit(n, this.#producer === "" ? "" : `${this.#producer}\0${this.#seq}`);
  }

  #spanProblem(): string {
    if (this.#size(this.#traceId) !== 16 || this.#isZero(this.#traceId)) return problems.traceId;
    if (this.#size(this.#spanId) !== 8 || this.#isZero(this.#spanId)) return problems.spanId;
    const parent = this.#size(this.#parentSpanId);
    if (parent !== 0 && parent !== 8) return problems.parentSpanId;
    return this.#numbers.startHigh >= TIME_HIGH_END ? problems.startTime : "";
  }

  #event(end: number): string {
    const r = this.#r;
    const { events } = this.#block;
    const name = new Range();
    let low = 0;
    let high = 0;
    while (r.pos < end) {
      const tag = r.tag();
      if (tag === 0x09) {
        low = r.fixed32();
        high = r.fixed32();
      } else if (tag === 0x12) this.#range(name);
      else if (tag === 0x1a) this.#attribute(events.attributes);
      else skipField(r, tag);
    }
    mustEndAt(r, end);
    events.arrays.Timestamp.putUInt64(low, high);
    events.arrays.Name.putUtf8(this.#buf, name.start, name.end);
    events.closeElement();
    return high >= TIME_HIGH_END ? problems.eventTime : "";
  }

  #link(end: number): string {
    const r = this.#r;
    const { links } = this.#block;
    const traceId = new Range();
    const spanId = new Range();
    const traceState = new Range();
    while (r.pos < end) {
      const tag = r.tag();
      if (tag === 0x0a) this.#range(traceId);
      else if (tag === 0x12) this.#range(spanId);
      else if (tag === 0x1a) this.#range(traceState);
      else if (tag === 0x22) this.#attribute(links.attributes);
      else skipField(r, tag);
    }
    mustEndAt(r, end);
    const wrong = ![0, 16].includes(this.#size(traceId)) || ![0, 8].includes(this.#size(spanId));
    if (wrong) return problems.link;
    this.#putLinkId(links.arrays.TraceId, traceId);
    this.#putLinkId(links.arrays.SpanId, spanId);
    links.arrays.TraceState.putUtf8(this.#buf, traceState.start, traceState.end);
    links.closeElement();
    return "";
  }

  #putLinkId(out: TraceBlock["traceId"], id: Range): void {
    if (this.#isZero(id)) out.putAscii("");
    else out.putHex(this.#buf, id.start, id.end);
  }

  #status(end: number): void {
    const r = this.#r;
    while (r.pos < end) {
      const tag = r.tag();
      if (tag === 0x12) this.#range(this.#message);
      else if (tag === 0x18) this.#numbers.status = r.int32();
      else skipField(r, tag);
    }
    mustEndAt(r, end);
  }

  #spanAttribute(): void {
    const { values } = this.#block.spanAttributes;
    const valueStart = values.length;
    this.#attribute(this.#block.spanAttributes);
    if (this.#keyIs(PRODUCER)) this.#producer = values.textFrom(valueStart);
    else if (this.#keyIs(SEQ)) this.#seq = values.textFrom(valueStart);
  }

  /** One KeyValue; its key's place is left in `#key`. */
  #attribute(map: MapColumn): void {
    const r = this.#r;
    const end = endOf(r);
    const key = this.#key;
    key.clear();
    let valueStart = -1;
    let valueEnd = -1;
    while (r.pos < end) {
      const tag = r.tag();
      if (tag === 0x0a) this.#range(key);
      else if (tag === 0x12) {
        valueEnd = endOf(r);
        valueStart = r.pos;
        r.pos = valueEnd;
      } else skipField(r, tag);
    }
    mustEndAt(r, end);
    map.keys.putUtf8(this.#buf, key.start, key.end);
    map.entries++;
    if (valueStart < 0) return map.values.putAscii("");
    r.pos = valueStart;
    putAnyValue(map.values, r, valueEnd);
    r.pos = end;
  }

  #range(range: Range): void {
    const r = this.#r;
    range.end = endOf(r);
    range.start = r.pos;
    r.pos = range.end;
  }

  #size(range: Range): number {
    return range.end - range.start;
  }

  #isZero(range: Range): boolean {
    for (let i = range.start; i < range.end; i++) if (this.#buf[i] !== 0) return false;
    return true;
  }

  #keyIs(wanted: { key: string; size: number }): boolean {
    const { start, end } = this.#key;
    return end - start === wanted.size && this.#buf.toString("latin1", start, end) === wanted.key;
  }
}
