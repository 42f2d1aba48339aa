import { createHash } from "node:crypto";
import type { TraceBlock } from "./trace-block.ts";

/** The name of a batch that the spool's exporter cut: producer, first and last sequence number. */
export const BATCH_HEADER = "x-signalbox-batch";

const BATCH = /^[A-Za-z0-9._-]{1,128}:(\d{1,19})-(\d{1,19})$/;

export function isBatchName(name: string): boolean {
  const match = BATCH.exec(name);
  return match !== null && BigInt(match[1] as string) <= BigInt(match[2] as string);
}

/**
 * What the store recognises a repeated request by. It covers which spans these are and not their bytes: a sender that was
 * restarted between two attempts may describe itself differently and still sends the same records. The ids are part of
 * it with a batch name too, so that one name for two batches can't make the second one disappear.
 */
export function deduplicationToken(block: TraceBlock, batchName: string | undefined): string {
  const identities = Array.from({ length: block.rows }, (_, row) => block.identity(row)).sort();
  const digest = createHash("sha256").update(identities.join("\n")).digest("hex");
  return batchName === undefined ? digest : `${batchName}#${digest}`;
}
