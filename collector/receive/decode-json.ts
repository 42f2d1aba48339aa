import type { MapColumn } from "./columns.ts";
import { anyValueText, asEnum, asInteger, asList, asObject, asText, MalformedJson, type JsonObject } from "./json-value.ts";
import { problems } from "./problems.ts";
import { TIME_HIGH_END, type TraceBlock } from "./trace-block.ts";

/**
 * ExportTraceServiceRequest in OTLP's JSON encoding into the same columns as the protobuf decoder: ids in hex, 64-bit
 * integers as strings or numbers, enums as numbers, unknown members ignored. Throws on what is not such a message.
 */
export function decodeJson(body: Buffer, block: TraceBlock): void {
  const request = asObject(parse(body), "the request");
  for (const item of asList(request.resourceSpans, "resourceSpans")) {
    const resourceSpans = asObject(item, "an entry of resourceSpans");
    putResource(block, asObject(resourceSpans.resource ?? {}, "resource"));
    for (const scoped of asList(resourceSpans.scopeSpans, "scopeSpans")) {
      const scopeSpans = asObject(scoped, "an entry of scopeSpans");
      putScope(block, asObject(scopeSpans.scope ?? {}, "scope"));
      for (const span of asList(scopeSpans.spans, "spans")) putSpan(block, asObject(span, "a span"));
    }
  }
}

/** A bare number of this many digits would lose its last ones in a double; nanosecond times always have 19. */
const LONG_INTEGER = /[:[,]\s*-?\d{16}/;

function parse(body: Buffer): unknown {
  const text = body.toString("utf8");
  try {
    return LONG_INTEGER.test(text) ? JSON.parse(text, keepLongIntegers) : JSON.parse(text);
  } catch (error) {
    throw new MalformedJson(error instanceof Error ? error.message : String(error));
  }
}

/** Takes an integer from its source text where the double is no longer exact. */
function keepLongIntegers(_key: string, value: unknown, context?: { source?: string }): unknown {
  const exact = typeof value !== "number" || Number.isSafeInteger(value) || context?.source === undefined;
  return exact || !/^-?\d+$/.test(context.source ?? "") ? value : context.source;
}

function putResource(block: TraceBlock, resource: JsonObject): void {
  block.resource.clear();
  block.service.truncate(0);
  let service = "";
  for (const item of asList(resource.attributes, "resource.attributes")) {
    const { key, value } = putAttribute(block.resource, item);
    if (key === "service.name") service = value;
  }
  block.service.putText(service);
}

function putScope(block: TraceBlock, scope: JsonObject): void {
  block.scope.truncate(0);
  block.scope.putText(asText(scope.name, "scope.name"));
  block.scopeSplit = block.scope.length;
  block.scope.putText(asText(scope.version, "scope.version"));
}

function putSpan(block: TraceBlock, span: JsonObject): void {
  const traceId = id(span.traceId, "traceId");
  const spanId = id(span.spanId, "spanId");
  const parentSpanId = id(span.parentSpanId, "parentSpanId");
  const start = time(span.startTimeUnixNano, "startTimeUnixNano");
  const end = time(span.endTimeUnixNano, "endTimeUnixNano");
  const status = asObject(span.status ?? {}, "status");

  block.begin();
  let producer = "";
  let seq = "";
  for (const item of asList(span.attributes, "attributes")) {
    const { key, value } = putAttribute(block.spanAttributes, item);
    if (key === "signalbox.audit.producer") producer = value;
    else if (key === "signalbox.audit.seq") seq = value;
  }
  let problem = "";
  for (const event of asList(span.events, "events")) problem = putEvent(block, asObject(event, "an event")) || problem;
  for (const link of asList(span.links, "links")) problem = putLink(block, asObject(link, "a link")) || problem;
  if (!isId(traceId, 32)) problem ||= problems.traceId;
  if (!isId(spanId, 16)) problem ||= problems.spanId;
  if (parentSpanId !== "" && !isHex(parentSpanId, 16)) problem ||= problems.parentSpanId;
  if (start.high >= TIME_HIGH_END) problem ||= problems.startTime;
  if (problem !== "") return block.reject(problem);

  block.traceId.putAscii(traceId);
  block.spanId.putAscii(spanId);
  block.parentSpanId.putAscii(zeroToEmpty(parentSpanId));
  block.traceState.putText(asText(span.traceState, "traceState"));
  block.spanName.putText(asText(span.name, "name"));
  block.statusMessage.putText(asText(status.message, "status.message"));
  block.commit(
    {
      kind: asEnum(span.kind, "kind"),
      status: asEnum(status.code, "status.code"),
      startLow: start.low,
      startHigh: start.high,
      endLow: end.low,
      endHigh: end.high,
    },
    producer === "" ? "" : `${producer}\0${seq}`,
  );
}

function putEvent(block: TraceBlock, event: JsonObject): string {
  const { events } = block;
  for (const item of asList(event.attributes, "an event's attributes")) putAttribute(events.attributes, item);
  const at = time(event.timeUnixNano, "timeUnixNano");
  events.arrays.Timestamp.putUInt64(at.low, at.high);
  events.arrays.Name.putText(asText(event.name, "an event's name"));
  events.closeElement();
  return at.high >= TIME_HIGH_END ? problems.eventTime : "";
}

function putLink(block: TraceBlock, link: JsonObject): string {
  const { links } = block;
  const traceId = id(link.traceId, "a link's traceId");
  const spanId = id(link.spanId, "a link's spanId");
  for (const item of asList(link.attributes, "a link's attributes")) putAttribute(links.attributes, item);
  if ((traceId !== "" && !isHex(traceId, 32)) || (spanId !== "" && !isHex(spanId, 16))) return problems.link;
  links.arrays.TraceId.putAscii(zeroToEmpty(traceId));
  links.arrays.SpanId.putAscii(zeroToEmpty(spanId));
  links.arrays.TraceState.putText(asText(link.traceState, "a link's traceState"));
  links.closeElement();
  return "";
}

function putAttribute(map: MapColumn, item: unknown): { key: string; value: string } {
  const attribute = asObject(item, "an attribute");
  const key = asText(attribute.key, "key");
  const value = anyValueText(attribute.value);
  map.keys.putText(key);
  map.values.putText(value);
  map.entries++;
  return { key, value };
}

const id = (value: unknown, what: string): string => asText(value, what).toLowerCase();
const isHex = (text: string, digits: number): boolean => text.length === digits && /^[0-9a-f]*$/.test(text);
const isId = (text: string, digits: number): boolean => isHex(text, digits) && !/^0*$/.test(text);
const zeroToEmpty = (text: string): string => (/^0*$/.test(text) ? "" : text);

function time(value: unknown, what: string): { low: number; high: number } {
  const ns = asInteger(value, what);
  if (ns < 0n || ns > 0xffff_ffff_ffff_ffffn) throw new MalformedJson(`${what} must fit 64 unsigned bits`);
  return { low: Number(ns & 0xffff_ffffn), high: Number(ns >> 32n) };
}
