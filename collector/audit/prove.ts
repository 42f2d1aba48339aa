import { SignalboxError } from "../kernel/errors.ts";
import { callId } from "../record/call-record.ts";
import type { Store } from "../store/client.ts";
import { loadSql } from "../store/sql-file.ts";
import { CHECKPOINT, KEY, recordsOf, type Checkpoint, type KeyStatement } from "./checkpoint/entry.ts";
import { readLog } from "./checkpoint/log-reader.ts";
import { HASH_BYTES, hashesIn, inclusionPath, merkleRoot } from "./checkpoint/merkle.ts";
import type { Proof } from "./checkpoint/proof.ts";
import { dayBefore, sqlTime } from "./time.ts";

const recordSql = loadSql(new URL("./prove-record.sql", import.meta.url));
const leavesSql = loadSql(new URL("./prove-leaves.sql", import.meta.url));

/** The producer's dashes are part of its name; the number is behind the last one. */
export function parseCallId(id: string): { producer: string; seq: number } {
  const [, producer, seq] = /^(.+)-([1-9]\d{0,15})$/.exec(id) ?? [];
  if (producer === undefined) throw new SignalboxError("E_AUDIT_CALL_ID", `${id} is not a call id`, { remedy: "it looks like px-0a6f4163-6" });
  return { producer, seq: Number(seq) };
}

/**
 * Makes the proof of one call from the stored rows and the checkpoint log. What the store says needs no trust: another hash
 * than the one that was signed leads to another root, and then this throws E_AUDIT_PROOF.
 */
export async function prove(options: { store: Store; logFile: string; call: string }): Promise<Proof> {
  const { store, logFile } = options;
  const { producer, seq } = parseCallId(options.call);
  const call = callId({ producer, seq });
  const { checkpoint, keys } = await findCheckpoint(logFile, producer, seq);
  if (!checkpoint) {
    throw new SignalboxError("E_AUDIT_PROOF", `no checkpoint covers ${call} yet`, { remedy: "the proxy signs one at its audit.checkpointMs, and when it stops" });
  }
  const [record] = await store.query<{ hash: string; form: [string, string][] }>(recordSql, { producer, seq });
  if (!record) throw new SignalboxError("E_AUDIT_PROOF", `${call} is not in the store, and checkpoint ${checkpoint.event_id} says that it was recorded`, { remedy: ifRemoved });
  const hashes = await readHashes(store, checkpoint);
  const [leaves, size] = [hashesIn(hashes), hashes.length / HASH_BYTES];
  const signed = recordsOf(checkpoint);
  if (size < signed) {
    throw new SignalboxError("E_AUDIT_PROOF", `${signed - size} of the ${signed} records under checkpoint ${checkpoint.event_id} are not in the store, and a proof needs the hash of each`, { remedy: ifRemoved });
  }
  if (merkleRoot(leaves, size).toString("hex") !== checkpoint.merkle_root) {
    throw new SignalboxError("E_AUDIT_PROOF", `the stored records are not the ones that checkpoint ${checkpoint.event_id} was signed over`, {
      remedy: "run `signalbox audit verify`: it names what was changed",
    });
  }
  const path = inclusionPath(leaves, seq - Number(checkpoint.first_seq), size).map((one) => one.toString("hex"));
  return { format: "signalbox-proof/1", event_id: call, event_hash: record.hash, form: record.form, path, checkpoint, keys };
}

const ifRemoved = "run `signalbox audit verify`: it tells what retention removed from what nobody should have; calls to be proved later are best proved before store.retention reaches them";

async function findCheckpoint(logFile: string, producer: string, seq: number): Promise<{ checkpoint: Checkpoint | null; keys: KeyStatement[] }> {
  const keys: KeyStatement[] = [];
  let checkpoint: Checkpoint | null = null;
  for await (const lines of readLog(logFile)) {
    for (const { entry } of lines) {
      if (entry?.event_type === KEY) keys.push(entry);
      if (entry?.event_type !== CHECKPOINT || entry.producer !== producer) continue;
      if (seq >= Number(entry.first_seq) && seq <= Number(entry.last_seq)) checkpoint = entry;
    }
  }
  return { checkpoint, keys };
}

/** A call is received some time before its record is signed. Where a day is not enough, all of the producer's rows are read. */
async function readHashes(store: Store, checkpoint: Checkpoint): Promise<Buffer> {
  const { producer, first_seq, last_seq, occurred_at } = checkpoint;
  const range = { producer, first_seq, last_seq };
  const records = recordsOf(checkpoint);
  type Row = { hashes: string; records: number };
  const near = await store.query<Row>(leavesSql, { ...range, from: dayBefore(occurred_at), to: sqlTime(Date.parse(occurred_at)) });
  const complete = near[0]?.records === records ? near : await store.query<Row>(leavesSql, { ...range, from: "1970-01-01 00:00:00", to: "2105-01-01 00:00:00" });
  const hashes = Buffer.from(complete[0]?.hashes ?? "", "hex");
  return hashes.subarray(0, Math.floor(hashes.length / HASH_BYTES) * HASH_BYTES);
}
