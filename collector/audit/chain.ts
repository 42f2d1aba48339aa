import { hash } from "node:crypto";
import { canonicalFormAt } from "../record/canonical.ts";
import type { CallRecord, DraftRecord } from "../record/call-record.ts";
import type { ChainPlace } from "../record/to-attributes.ts";

/** The last link of a producer's chain: what the next record continues. `seq` 0 and the genesis hash before the first. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

export interface Link {
  readonly head: ChainHead;
  /** The whole CallRecord. */
  readonly json: string;
  /** The same in two parts, for who has no need of the text. */
  readonly draft: DraftRecord;
  readonly place: ChainPlace;
}

/**
 * Gives a draft its place behind `head`. Pure. `producer` is one that needs no escaping in JSON (layout.ts sees to it).
 * Throws E_AUDIT_RECORD where the draft holds a number that would not read back as written.
 */
export function link(producer: string, head: ChainHead, draft: DraftRecord): Link {
  const place = { producer, seq: head.seq + 1, prevHash: head.hash, hash: "" };
  let written = draft;
  let form = canonicalFormAt(written, place);
  if (mayHoldLoneSurrogate(form)) {
    written = wellFormed(draft) as DraftRecord;
    form = canonicalFormAt(written, place);
  }
  const own = hash("sha256", form);
  // Last, so that these win when the record is parsed, should a caller have handed in a draft with members like them.
  const tail = `,"producer":"${producer}","seq":${place.seq},"prevHash":"${place.prevHash}","hash":"${own}"}`;
  return { head: { seq: place.seq, hash: own }, json: JSON.stringify(written).slice(0, -1) + tail, draft: written, place: { ...place, hash: own } };
}

/** JSON may spell half a surrogate pair (`"\ud800"`), UTF-8 can't: such a string would reach the table as another one,
 * and its hash would no longer match. In a list it stands as an escape, because lists are JSON text in the form. */
function mayHoldLoneSurrogate(form: string): boolean {
  return !form.isWellFormed() || form.includes("\\ud");
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
