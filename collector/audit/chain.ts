import { hash } from "node:crypto";
import type { CallRecord, DraftRecord } from "../record/call-record.ts";
import type { RecordWriter } from "../record/record-writer.ts";
import type { ChainPlace } from "../record/to-attributes.ts";

/** The last link of a producer's chain: what the next record continues. `seq` 0 and the genesis hash before the first. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

export interface Link {
  /** What the record that was linked is the head of now. */
  readonly head: ChainHead;
  /** As it was recorded: with well-formed text. */
  readonly draft: DraftRecord;
  readonly place: ChainPlace;
}

/**
 * Gives a draft its place behind `head`; `writer` has it taken up afterwards. `producer` is one that needs no escaping in
 * JSON (layout.ts sees to it). Throws E_AUDIT_RECORD where the draft holds a number that would not read back as written.
 */
export function link(writer: RecordWriter, producer: string, head: ChainHead, draft: DraftRecord): Link {
  const place = { producer, seq: head.seq + 1, prevHash: head.hash, hash: "" };
  let written = draft;
  let form = writer.form(written, place);
  if (writer.doubtful) {
    written = wellFormed(draft) as DraftRecord;
    form = writer.form(written, place);
  }
  place.hash = hash("sha256", form);
  return { head: { seq: place.seq, hash: place.hash }, draft: written, place };
}

function wellFormed(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, wellFormed(member)]));
}

/** Why `record` does not continue `head`, or null when it does. `own` is its hash computed anew. */
export function breakBetween(head: ChainHead, record: CallRecord, own: string): string | null {
  if (record.seq !== head.seq + 1) return `sequence ${record.seq} follows ${head.seq}`;
  if (record.prevHash !== head.hash) return `previous hash is ${record.prevHash}, the record before has ${head.hash}`;
  if (record.hash !== own) return `hash is ${record.hash}, its content has ${own}`;
  return null;
}
