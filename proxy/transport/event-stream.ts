import { MessageScan, type MessageFacts } from "./message-scan.ts";

/** Receives a stream's bytes in order and unchanged, and is told where an event ends. */
export interface EventSink {
  /** Bytes of the event that is being received, its line ends included. */
  bytes(slice: Buffer): void;
  /** The bytes so far complete an event; `facts` is null when it carried no data. */
  event(facts: MessageFacts | null): void;
  /** The data of the event, for digests. */
  data?(slice: Buffer): void;
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
/** Longer field names are none that the format defines. */
const MAX_FIELD = 8;
/** Clients take it off the beginning of a stream; as bytes. */
const BYTE_ORDER_MARK = "\u00ef\u00bb\u00bf";

/**
 * Splits a stream of server-sent events as its chunks arrive, wherever they were cut. Holds nothing but a field name: what
 * to do with the bytes of an incomplete event is the sink's to decide.
 */
export class EventSplitter {
  readonly #sink: EventSink;
  #scan: MessageScan | null = null;
  #field = "";
  #part: "field" | "space" | "value" = "field";
  #lineEmpty = true;
  #firstLine = true;
  #skipLf = false;
  #dataLines = 0;
  /** True once an event carried an id: its client may come back and ask for what it missed. */
  resumable = false;

  constructor(sink: EventSink) {
    this.#sink = sink;
  }

  /** True while what has arrived may yet turn out to be a message: not after comments and blank lines. */
  get midEvent(): boolean {
    return this.#dataLines > 0 || !this.#lineEmpty;
  }

  push(chunk: Buffer): void {
    let from = 0;
    let i = 0;
    if (this.#skipLf && chunk.length > 0) {
      if (chunk[0] === LF) i = 1;
      this.#skipLf = false;
    }
    const hasCr = chunk.includes(CR);
    while (i < chunk.length) {
      const eol = hasCr ? lineEnd(chunk, i) : chunk.indexOf(LF, i);
      this.#line(chunk, i, eol < 0 ? chunk.length : eol);
      if (eol < 0) break;
      i = eol + 1;
      if (chunk[eol] === CR) {
        if (i === chunk.length) this.#skipLf = true;
        else if (chunk[i] === LF) i++;
      }
      if (this.#endLine()) {
        this.#sink.bytes(chunk.subarray(from, i));
        this.#sink.event(this.#takeFacts());
        from = i;
      }
    }
    if (from < chunk.length) this.#sink.bytes(from === 0 ? chunk : chunk.subarray(from));
  }

  /** A stretch of one line, which may have begun in an earlier chunk. */
  #line(chunk: Buffer, start: number, end: number): void {
    let i = start;
    if (i < end) this.#lineEmpty = false;
    if (this.#part === "field") {
      const colon = chunk.subarray(i, end).indexOf(COLON);
      const stop = colon < 0 ? end : i + colon;
      if (this.#field.length <= MAX_FIELD) this.#field += chunk.toString("latin1", i, Math.min(stop, i + MAX_FIELD + 1));
      if (colon < 0) return;
      if (this.#firstLine && this.#field.startsWith(BYTE_ORDER_MARK)) this.#field = this.#field.slice(BYTE_ORDER_MARK.length);
      i = stop + 1;
      this.#part = "space";
    }
    if (this.#part === "space" && i < end) {
      if (chunk[i] === SPACE) i++;
      this.#part = "value";
    }
    if (this.#field === "data" && i < end) this.#data(chunk.subarray(i, end));
  }

  #data(slice: Buffer): void {
    this.#scan ??= new MessageScan();
    this.#scan.push(slice);
    this.#sink.data?.(slice);
  }

  /** True when the line was empty, which ends an event. */
  #endLine(): boolean {
    const blank = this.#lineEmpty;
    this.#firstLine = false;
    if (this.#field === "data") this.#dataLines++;
    else if (this.#field === "id") this.resumable = true;
    this.#field = "";
    this.#part = "field";
    this.#lineEmpty = true;
    return blank;
  }

  #takeFacts(): MessageFacts | null {
    const facts = this.#scan?.facts() ?? null;
    this.#scan = null;
    this.#dataLines = 0;
    return facts;
  }
}

function lineEnd(chunk: Buffer, from: number): number {
  for (let i = from; i < chunk.length; i++) if (chunk[i] === LF || chunk[i] === CR) return i;
  return -1;
}

/** The data of one whole event, its lines joined as a client joins them. */
export function eventData(event: Buffer): Buffer {
  const lines = linesOf(event).filter(({ field }) => field === "data");
  if (lines.length === 1) return event.subarray(lines[0]!.value, lines[0]!.end);
  return Buffer.concat(lines.flatMap(({ value, end }, index) => (index === 0 ? [event.subarray(value, end)] : [newLine, event.subarray(value, end)])));
}

/** The value of a field of one whole event, the last one where there are several. */
export function eventField(event: Buffer, name: "event" | "id" | "retry"): string | undefined {
  const line = linesOf(event).findLast(({ field }) => field === name);
  return line && event.toString("utf8", line.value, line.end);
}

/** The event with other data, which holds no line ends; its id and its name stay. */
export function withEventData(event: Buffer, data: Buffer): Buffer {
  const kept = linesOf(event)
    .filter(({ field, start, end }) => field !== "data" && end > start)
    .flatMap(({ start, end }) => [event.subarray(start, end), newLine]);
  return Buffer.concat([...kept, Buffer.from("data: "), data, newLine, newLine]);
}

const newLine = Buffer.from("\n");

interface Line {
  readonly field: string;
  readonly start: number;
  /** Where the field's value begins, and where the line ends without its end mark. */
  readonly value: number;
  readonly end: number;
}

function linesOf(event: Buffer): Line[] {
  const lines: Line[] = [];
  let start = 0;
  while (start < event.length) {
    const eol = lineEnd(event, start);
    const end = eol < 0 ? event.length : eol;
    const colon = event.subarray(start, end).indexOf(COLON);
    const name = event.toString("latin1", start, colon < 0 ? end : start + Math.min(colon, MAX_FIELD + 1));
    const field = start === 0 && name.startsWith(BYTE_ORDER_MARK) ? name.slice(BYTE_ORDER_MARK.length) : name;
    let value = colon < 0 ? end : start + colon + 1;
    if (value < end && event[value] === SPACE) value++;
    lines.push({ field, start, value, end });
    start = eol < 0 ? end : event[eol] === CR && event[eol + 1] === LF ? eol + 2 : eol + 1;
  }
  return lines;
}
