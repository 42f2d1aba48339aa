import { readFile, truncate, unlink } from "node:fs/promises";
import { callId, type CallRecord } from "../record/call-record.ts";
import { SignalboxError } from "../kernel/errors.ts";
import type { ChainHead } from "./chain.ts";
import { listSegments, type SegmentFile } from "./layout.ts";
import { eachLine, isTorn, lineHolds, lineJson, writtenBytes } from "./line.ts";

export interface Segment extends SegmentFile {
  /** Complete and durable. */
  bytes: number;
  records: number;
  readonly openedMs: number;
}

export interface ScanResult {
  segments: Segment[];
  /** The last record's place, or null where there is none. */
  head: ChainHead | null;
  /** Bytes of the lines behind the acknowledged sequence number. */
  pendingBytes: number;
}

/**
 * Reads what a spool directory holds when it is opened: checks every checksum and that no segment is missing, and cuts the
 * incomplete last line that a crash leaves, with the space that was reserved behind it. Throws E_AUDIT_CORRUPT, naming the record, for anything else that is not as it
 * was written: a spool that was damaged is for a person to look at, not to be carried on with.
 * `onRecord` is handed the JSON of every record when it is given.
 */
export async function scanSegments(
  dir: string,
  producer: string,
  ackedSeq: number,
  onRecord: ((json: string) => void) | null,
): Promise<ScanResult> {
  const files = await listSegments(dir);
  const segments: Segment[] = [];
  let head: ChainHead | null = null;
  let pendingBytes = 0;
  for (const [index, file] of files.entries()) {
    const before = segments.at(-1);
    if (before && before.firstSeq + before.records !== file.firstSeq) {
      throw corrupt(producer, before.firstSeq + before.records, `${file.path} starts at ${file.firstSeq}: records before it are missing`);
    }
    const isLast = index === files.length - 1;
    const read = await readFile(file.path);
    const bytes = read.subarray(0, writtenBytes(read));
    let records = 0;
    let last: Buffer | null = null;
    let tornAt: number | null = null;
    const end = eachLine(bytes, (line, offset) => {
      const seq = file.firstSeq + records;
      if (isLast && isTorn(line)) {
        tornAt = offset;
        return false;
      }
      if (!lineHolds(line)) throw corrupt(producer, seq, `its checksum in ${file.path} does not match`);
      if (seq > ackedSeq) pendingBytes += line.length + 1;
      onRecord?.(lineJson(line));
      last = line;
      records++;
    });
    const complete = tornAt ?? end;
    if (complete < bytes.length && !isLast) throw corrupt(producer, file.firstSeq + records, `its line in ${file.path} is incomplete`);
    if (complete < read.length) await truncate(file.path, complete);
    if (last === null) {
      await unlink(file.path);
      continue;
    }
    head = headOf(last, file.firstSeq + records - 1, producer, file.path);
    segments.push({ ...file, bytes: complete, records, openedMs: 0 });
  }
  return { segments, head, pendingBytes };
}

/** Names are trusted for sequence numbers while scanning, so the last record of each segment has to agree. */
function headOf(line: Buffer, expectedSeq: number, producer: string, path: string): ChainHead {
  const record = JSON.parse(lineJson(line)) as CallRecord;
  if (record.seq !== expectedSeq || record.producer !== producer) {
    throw corrupt(producer, expectedSeq, `${path} holds ${callId(record)} in its place`);
  }
  return { seq: record.seq, hash: record.hash };
}

function corrupt(producer: string, seq: number, why: string): SignalboxError {
  return new SignalboxError("E_AUDIT_CORRUPT", `the spool is damaged at record ${callId({ producer, seq })}: ${why}`, {
    remedy: "run `signalbox audit verify --spool` on the directory; move it aside to start a new chain",
  });
}
