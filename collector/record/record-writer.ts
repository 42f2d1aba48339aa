import { ByteWriter } from "./byte-writer.ts";
import type { DraftRecord } from "./call-record.ts";
import { formHeadKeys, frame, valueText } from "./canonical.ts";
import { beginSpan, endSpan, keyBytes, writeSpanAttribute, writeSpanText } from "./otlp-encode.ts";
import { quoted, quotedPath } from "./quoted.ts";
import * as k from "./semconv.ts";
import { getters, spanName, type AttributeValue, type ChainPlace } from "./to-attributes.ts";
import { clientAttributes, clientHead, serverHead } from "./to-span.ts";

type Field = (typeof getters)[number];

/** What is another value at nearly every call. */
const volatile: ReadonlySet<string> = new Set([
  k.JSONRPC_REQUEST_ID,
  k.SB_ARGUMENTS,
  k.SB_AUDIT_HASH,
  k.SB_AUDIT_PREV_HASH,
  k.SB_AUDIT_SEQ,
  k.SB_REQUEST_BYTES,
  k.SB_RESULT_BYTES,
  k.SB_RESULT_DIGEST,
  k.SB_TIME_ANSWERED,
  k.SB_TIME_DECIDED,
  k.SB_TIME_FORWARDED,
  k.SB_TIME_PROXY,
]);

const absent = (value: AttributeValue | null): value is null | "" => value === null || value === "";

const jsonMember = ([, member]: Field, draft: DraftRecord): string => (member === null ? "" : `,"${member}":${JSON.stringify(draft[member])}`);

/** Text may hold half a surrogate pair, in a list as JSON spells it: UTF-8 cannot. */
const isDoubtful = (value: AttributeValue): boolean => typeof value === "string" && (!value.isWellFormed() || value.includes("\\ud"));

const COLON = 0x3a;

const nothing: Uint8Array = new Uint8Array(0);

/** A key of the form, ready to be copied. */
const framed = (key: string): Uint8Array => Buffer.from(frame(key));

/** What `pair` of canonical.ts spells, as bytes. */
function writeFramed(out: ByteWriter, framedKey: Uint8Array, text: string): void {
  out.bytes(framedKey);
  out.digits(Buffer.byteLength(text));
  out.byte(COLON);
  out.text(text);
}

/** A stretch of the attributes in all three encodings, as of the record it was last brought up to date with. */
interface Stretch {
  readonly doubtful: boolean;
  /** Throws E_AUDIT_RECORD for a number that is not whole. */
  update(draft: DraftRecord, place: ChainPlace): void;
  form(out: ByteWriter): void;
  json(out: ByteWriter, draft: DraftRecord): void;
  span(out: ByteWriter, place: ChainPlace): void;
}

/** Neighbours that seldom change: mostly the values are those of the record before, and all three encodings still hold. */
class Steady implements Stretch {
  doubtful = false;
  readonly #fields: readonly Field[];
  readonly #values: (AttributeValue | null | undefined)[];
  #form = nothing;
  #json = nothing;
  #span = nothing;

  constructor(fields: readonly Field[]) {
    this.#fields = fields;
    this.#values = fields.map(() => undefined);
  }

  update(draft: DraftRecord, place: ChainPlace): void {
    const fields = this.#fields;
    const values = this.#values;
    let same = true;
    for (let i = 0; i < fields.length; i++) {
      const value = fields[i]![2](draft, place);
      if (value === values[i]) continue;
      values[i] = value;
      same = false;
    }
    if (!same) this.#encode(draft);
  }

  #encode(draft: DraftRecord): void {
    const values = this.#values;
    const [form, json, span] = [new ByteWriter(512), new ByteWriter(512), new ByteWriter(512)];
    this.doubtful = false;
    try {
      for (const [i, field] of this.#fields.entries()) {
        const value = values[i] as AttributeValue | null;
        json.text(jsonMember(field, draft));
        if (absent(value)) continue;
        this.doubtful ||= isDoubtful(value);
        writeFramed(form, framed(field[0]), valueText(field[0], value));
        writeSpanAttribute(span, keyBytes(field[0]), value);
      }
    } catch (error) {
      // What could not be encoded must not be taken for the value that the encodings hold.
      values.fill(undefined);
      throw error;
    }
    [this.#form, this.#json, this.#span] = [form.written(), json.written(), span.written()];
  }

  form(out: ByteWriter): void {
    out.bytes(this.#form);
  }

  json(out: ByteWriter): void {
    out.bytes(this.#json);
  }

  span(out: ByteWriter): void {
    out.bytes(this.#span);
  }
}

/** A value that is another one at nearly every call: spelled once, and copied into the encodings. */
class Varying implements Stretch {
  doubtful = false;
  readonly #field: Field;
  readonly #framed: Uint8Array;
  readonly #key: Uint8Array;
  /** What stands before the value in JSON. */
  readonly #name: string;
  readonly #spelled: ByteWriter;
  #value: AttributeValue | null = null;
  #start = 0;
  #end = 0;

  constructor(field: Field, spelled: ByteWriter) {
    this.#field = field;
    this.#framed = framed(field[0]);
    this.#key = keyBytes(field[0]);
    this.#name = `,"${field[1]}":`;
    this.#spelled = spelled;
  }

  update(draft: DraftRecord, place: ChainPlace): void {
    const value = this.#field[2](draft, place);
    this.#value = value;
    this.doubtful = value !== null && isDoubtful(value);
    this.#start = this.#spelled.length;
    if (typeof value === "number") spellNumber(this.#spelled, this.#field[0], value);
    else if (value !== null) this.#spelled.text(value);
    this.#end = this.#spelled.length;
  }

  form(out: ByteWriter): void {
    if (absent(this.#value)) return;
    out.bytes(this.#framed);
    out.digits(this.#end - this.#start);
    out.byte(COLON);
    out.copy(this.#spelled, this.#start, this.#end);
  }

  json(out: ByteWriter, draft: DraftRecord): void {
    const [, member] = this.#field;
    if (member === null) return;
    const value = draft[member];
    out.text(this.#name);
    if (typeof value === "number") out.copy(this.#spelled, this.#start, this.#end);
    else if (typeof value === "string") out.text(quoted(value));
    else out.text(member === "arguments" ? leavesJson(draft.arguments) : JSON.stringify(value));
  }

  span(out: ByteWriter): void {
    const value = this.#value;
    if (absent(value)) return;
    if (typeof value === "number") writeSpanAttribute(out, this.#key, value);
    else writeSpanText(out, this.#key, this.#spelled, this.#start, this.#end);
  }
}

/** Throws as `valueText` does. */
function spellNumber(out: ByteWriter, key: string, value: number): void {
  if (value >= 0 && Number.isSafeInteger(value)) out.digits(value);
  else out.text(valueText(key, value));
}

function leavesJson(leaves: DraftRecord["arguments"]): string {
  let text = "";
  for (const { path, digest, flowFromSeq, flowScore } of leaves) {
    text += `${text === "" ? "[" : ","}{"path":${quotedPath(path)},"digest":${quoted(digest)},"flowFromSeq":${flowFromSeq},"flowScore":${flowScore}}`;
  }
  return text === "" ? "[]" : `${text}]`;
}

/** The record's own hash covers all but itself, and is known last. */
class OwnHash implements Stretch {
  readonly doubtful = false;
  readonly #key = keyBytes(k.SB_AUDIT_HASH);
  update(): void {}
  form(): void {}
  json(): void {}
  span(out: ByteWriter, place: ChainPlace): void {
    writeSpanAttribute(out, this.#key, place.hash);
  }
}

function stretches(spelled: ByteWriter): Stretch[] {
  const all: Stretch[] = [];
  let run: Field[] = [];
  const endRun = (): void => {
    if (run.length > 0) all.push(new Steady(run));
    run = [];
  };
  for (const field of getters) {
    if (!volatile.has(field[0])) {
      run.push(field);
      continue;
    }
    endRun();
    all.push(field[0] === k.SB_AUDIT_HASH ? new OwnHash() : new Varying(field, spelled));
  }
  endRun();
  return all;
}

/** The attributes of a CLIENT span, which follow from these members alone. */
class ClientAttributes {
  #span = nothing;
  #of: DraftRecord | null = null;

  write(out: ByteWriter, draft: DraftRecord): void {
    if (this.#of === null || !sameClient(this.#of, draft)) {
      const span = new ByteWriter(512);
      for (const [key, value] of clientAttributes(draft)) writeSpanAttribute(span, keyBytes(key), value);
      this.#span = span.written();
      this.#of = draft;
    }
    out.bytes(this.#span);
  }
}

const sameClient = (a: DraftRecord, b: DraftRecord): boolean =>
  a.outcome === b.outcome &&
  a.errorType === b.errorType &&
  a.rpcCode === b.rpcCode &&
  a.method === b.method &&
  a.tool === b.tool &&
  a.prompt === b.prompt &&
  a.protocolVersion === b.protocolVersion &&
  a.upstreamAddress === b.upstreamAddress &&
  a.server === b.server;

const [TRACE, SPAN, PARENT, START, DURATION, NAME] = formHeadKeys.map(framed) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
const [, , , START_KEY, DURATION_KEY] = formHeadKeys as [string, string, string, string, string];

/**
 * Writes a record in the three encodings that the spool needs at once: the canonical form that is hashed, the JSON of the
 * segment's line, and the OTLP spans. The same as canonical.ts, JSON.stringify and otlp-encode.ts give, at a third of
 * their cost: most of a record is that of the record before, and what is copied as bytes is no garbage. One writer a
 * spool, because it remembers.
 */
export class RecordWriter {
  /** The values of the record that was taken up which the one before did not have, one behind the other. */
  readonly #spelled = new ByteWriter(2048);
  readonly #stretches = stretches(this.#spelled);
  readonly #client = new ClientAttributes();
  readonly #form = new ByteWriter(4096);
  /** Of the record that was taken up: some text may hold half of a surrogate pair. */
  doubtful = false;

  /**
   * Takes up a draft and its place and returns its canonical form, valid until the next call; `place.hash` is not looked
   * at. What the other methods write is this record. Throws E_AUDIT_RECORD, after which nothing else may be asked for.
   */
  form(draft: DraftRecord, place: ChainPlace): Buffer {
    const out = this.#form;
    out.clear();
    this.#spelled.clear();
    const name = spanName(draft);
    let doubtful = isDoubtful(name);
    writeFramed(out, TRACE, draft.traceId);
    writeFramed(out, SPAN, draft.spanId);
    writeFramed(out, PARENT, draft.parentSpanId);
    writeFramed(out, START, valueText(START_KEY, draft.receivedUs));
    writeFramed(out, DURATION, valueText(DURATION_KEY, draft.completedAfterUs));
    writeFramed(out, NAME, name);
    for (const stretch of this.#stretches) {
      stretch.update(draft, place);
      doubtful ||= stretch.doubtful;
      stretch.form(out);
    }
    this.doubtful = doubtful;
    return out.written();
  }

  /** The whole CallRecord, in the order of its attributes. */
  json(out: ByteWriter, draft: DraftRecord, place: ChainPlace): void {
    const { producer, seq, prevHash, hash } = place;
    const { receivedUs, completedAfterUs, traceId, spanId, parentSpanId, upstreamSpanId, upstreamAddress } = draft;
    out.text(
      `{"producer":${quoted(producer)},"seq":${seq},"prevHash":"${prevHash}","hash":"${hash}","receivedUs":${receivedUs},"completedAfterUs":${completedAfterUs}` +
        `,"traceId":${quoted(traceId)},"spanId":${quoted(spanId)},"parentSpanId":${quoted(parentSpanId)},"upstreamSpanId":${quoted(upstreamSpanId)},"upstreamAddress":${quoted(upstreamAddress)}`,
    );
    for (const stretch of this.#stretches) stretch.json(out, draft);
    out.text("}");
  }

  spans(out: ByteWriter, draft: DraftRecord, place: ChainPlace): void {
    const server = serverHead(draft);
    const start = beginSpan(out, server);
    for (const stretch of this.#stretches) stretch.span(out, place);
    endSpan(out, start, server);
    const client = clientHead(draft);
    if (client === null) return;
    const clientStart = beginSpan(out, client);
    this.#client.write(out, draft);
    endSpan(out, clientStart, client);
  }
}
