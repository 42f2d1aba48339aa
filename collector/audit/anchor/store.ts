import { CHECKPOINT, type LogEntry } from "../checkpoint/entry.ts";
import { entryIndex, entryLogId } from "../checkpoint/log-reader.ts";
import type { Store } from "../../store/client.ts";
import type { Anchor } from "./anchor.ts";

/** The store's copy of the log, which queries join with. It is brought there like any anchor's. */
export function createStoreAnchor(store: Pick<Store, "insert">): Anchor {
  return {
    name: "store",
    async keep(entries) {
      const [first, last] = [entries[0], entries.at(-1)];
      if (first && last) await store.insert("audit_checkpoints", entries.map(toRow), { deduplicationToken: `${first.event_id} ${last.event_id}` });
    },
  };
}

function toRow(entry: LogEntry): object {
  const { event_type, occurred_at, key_id, event_hash } = entry;
  const signed = entry.event_type === CHECKPOINT ? entry : null;
  return {
    log: entryLogId(entry),
    idx: entryIndex(entry),
    event_type,
    occurred_at,
    producer: signed?.producer ?? "",
    first_seq: signed?.first_seq ?? "0",
    last_seq: signed?.last_seq ?? "0",
    head_hash: signed?.head_hash ?? "",
    merkle_root: signed?.merkle_root ?? "",
    key_id,
    event_hash,
    entry: JSON.stringify(entry),
  };
}
