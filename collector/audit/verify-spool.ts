import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { callId, type CallRecord } from "../record/call-record.ts";
import { recordHash } from "../record/canonical.ts";
import { breakBetween, type ChainHead } from "./chain.ts";
import { lastLeaf } from "./checkpoint/leaves.ts";
import { REJECTED_FILE } from "./layout.ts";
import type { SpoolReader } from "./reader.ts";
import { readUnrecorded } from "./unrecorded.ts";
import { noteUnrecorded, type Unrecorded } from "./verify-unrecorded.ts";
import type { Findings } from "./verify-report.ts";

/** Checks every line of a spool: its checksum, its place in the sequence, its hash and the link to the record before.
 * Resolves with the hashes of the `wanted` numbers that it holds. */
export async function verifySpool(spool: SpoolReader, findings: Findings, wanted: ReadonlySet<number>): Promise<Map<number, string>> {
  const hashes = new Map<number, string>();
  const { producer } = spool;
  findings.producers.add(producer);
  // Before the lines: a record is in them before its hash is kept.
  const kept = (await lastLeaf(spool.dir))?.seq ?? 0;
  const cursor = await spool.cursor();
  let head: ChainHead | null = null;
  let seq = 0;
  for await (const line of spool.lines()) {
    findings.spoolRecords++;
    // Segments that were delivered meanwhile vanish under the reader; those records are for the store's checks.
    const skipped = head !== null && line.seq !== seq + 1 && (await spool.cursor()).acked.seq >= line.seq - 1;
    if (skipped) head = null;
    seq = line.seq;
    if (!line.record) {
      findings.fail("spool", producer, line.seq, `${line.problem} (${line.path})`);
      head = null;
      continue;
    }
    const { record } = line;
    if (record.outcome === "unrecorded" && record.seq > cursor.acked.seq) noteUnrecorded(findings, producer, unrecordedOf(record));
    if (wanted.has(line.seq)) hashes.set(line.seq, record.hash);
    head ??= { seq: line.seq - 1, hash: line.seq - 1 === cursor.acked.seq ? cursor.acked.hash : record.prevHash };
    const broken = record.producer === producer ? breakBetween(head, record, recordHash(record)) : `it names producer ${record.producer}`;
    if (broken) findings.fail("spool", producer, line.seq, broken);
    if (record.seq === cursor.acked.seq && record.hash !== cursor.acked.hash) {
      findings.fail("spool", producer, line.seq, `was acknowledged with hash ${cursor.acked.hash}, has ${record.hash}`);
    }
    head = { seq: line.seq, hash: record.hash };
  }
  const last = Math.max(seq, (await spool.cursor()).acked.seq);
  if (kept > last) findings.fail("spool", producer, last + 1, `records from here to ${callId({ producer, seq: kept })} are missing: only their hashes are kept`);
  for (const entry of await readUnrecorded(spool.dir)) {
    if (entry.seq === null || entry.seq > last) noteUnrecorded(findings, producer, entry);
  }
  const refused = (await rejectedSeqs(spool.dir)).size;
  if (refused > 0) findings.note(`${producer}: the collector refused ${refused} records; they are in ${REJECTED_FILE} and not in the store`);
  return hashes;
}

function unrecordedOf(record: CallRecord): Unrecorded {
  const { server, agent, decision, attempts, errorType, receivedUs, completedAfterUs } = record;
  return { server, agent, decision, calls: attempts, atLeast: errorType !== "unrecorded", firstUs: receivedUs, lastUs: receivedUs + completedAfterUs };
}

/** Sequence numbers that the collector refused, which are therefore not in the store. */
export async function rejectedSeqs(dir: string): Promise<Set<number>> {
  const text = await readFile(join(dir, REJECTED_FILE), "utf8").catch(() => "");
  const lines = text.split("\n").filter((line) => line !== "");
  return new Set(lines.map((line) => (JSON.parse(line) as { record: { seq: number } }).record.seq));
}
