import { randomBytes } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { SignalboxError } from "../kernel/errors.ts";
import { replaceFile } from "./disk.ts";

/**
 * The files of a spool directory:
 *
 *     producer                     the id of the chain that lives here, random, made once
 *     lock                         who has the directory open
 *     00000000000000000001.ndjson  a segment, named by the sequence number of its first record
 *     cursor.json                  how far the collector has acknowledged, and the batch that is on its way
 *     intents.ndjson               calls that were about to be forwarded
 *     rejected.ndjson              records that the collector refused, one by one, for good
 *     unrecorded                   calls that were let through and are on no record yet (slot-file.ts)
 *     ballast                      room for what has to be written on a full disk before anything can be deleted (ballast.ts)
 *     00000000000000000001.leaves  the hashes of records that no checkpoint covers yet (checkpoint/leaves.ts)
 */
export const PRODUCER_FILE = "producer";
export const LOCK_FILE = "lock";
export const CURSOR_FILE = "cursor.json";
export const INTENTS_FILE = "intents.ndjson";
export const REJECTED_FILE = "rejected.ndjson";
export const UNRECORDED_FILE = "unrecorded";
/** Of the file of unrecorded calls: twice as many kinds of calls as are told apart fit in. */
export const UNRECORDED_SLOT_BYTES = 192 * 1024;
export const BALLAST_FILE = "ballast";

/** An id is part of call ids, of a header and of JSON, and is spelled the same in all of them. */
const PRODUCER = /^[A-Za-z0-9._-]{1,64}$/;
const SEGMENT_NAME = /^(\d{20})\.ndjson$/;

/** Padded, so that a listing by name is a listing by sequence. */
export function segmentName(firstSeq: number): string {
  return `${String(firstSeq).padStart(20, "0")}.ndjson`;
}

export interface SegmentFile {
  readonly firstSeq: number;
  readonly path: string;
}

/** The segments of a spool directory, oldest first. */
export async function listSegments(dir: string): Promise<SegmentFile[]> {
  const found: SegmentFile[] = [];
  for (const name of await readdir(dir)) {
    const match = SEGMENT_NAME.exec(name);
    if (match) found.push({ firstSeq: Number(match[1]), path: join(dir, name) });
  }
  return found.sort((a, b) => a.firstSeq - b.firstSeq);
}

/** The directory's producer id, or null where no spool was ever opened in it, a file for one. Throws E_AUDIT_CORRUPT for what is no id. */
export async function readProducer(dir: string): Promise<string | null> {
  const path = join(dir, PRODUCER_FILE);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
  const producer = text.trim();
  if (!PRODUCER.test(producer)) {
    throw new SignalboxError("E_AUDIT_CORRUPT", `${path} holds no producer id`, {
      remedy: "restore the file, or move the spool directory aside",
    });
  }
  return producer;
}

/** Makes the id at the first call for a directory; afterwards the file decides, whatever the prefix is. */
export async function readOrMakeProducer(dir: string, prefix: string): Promise<string> {
  const known = await readProducer(dir);
  if (known !== null) return known;
  const made = `${prefix}-${randomBytes(4).toString("hex")}`;
  if (!PRODUCER.test(made)) {
    throw new SignalboxError("E_AUDIT_PRODUCER", `${prefix} cannot start a producer id`, {
      remedy: "use letters, digits, dots, dashes and underscores",
    });
  }
  await replaceFile(join(dir, PRODUCER_FILE), `${made}\n`);
  return made;
}
