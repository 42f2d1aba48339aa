import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { callId, type CallRecord } from "../record/call-record.ts";
import { readCursor, type Cursor } from "./cursor.ts";
import { eachLine, lineHolds, lineJson } from "./line.ts";
import { CURSOR_FILE, listSegments, readProducer, type SegmentFile } from "./layout.ts";
import { SignalboxError } from "../kernel/errors.ts";

/** A line as it is found: `record` is null where its checksum or its JSON does not hold, and `problem` says which. */
export interface FoundLine {
  readonly seq: number;
  readonly path: string;
  readonly record: CallRecord | null;
  readonly problem: string;
}

/** Reads a spool directory without opening it: for tools, while a worker may be writing to it. */
export interface SpoolReader {
  readonly dir: string;
  readonly producer: string;
  cursor(): Promise<Cursor>;
  /** When the cursor was last moved, by this machine's clock; 0 where nothing has been acknowledged. */
  ackedAtMs(): Promise<number>;
  /** Oldest first. */
  segments(): Promise<SegmentFile[]>;
  /** Every complete line from `fromSeq` on, damaged ones too. `seq` is the line's place, whatever the record claims. */
  lines(fromSeq?: number): AsyncGenerator<FoundLine>;
  /** The same for who only wants records. Throws E_AUDIT_CORRUPT at a damaged one. */
  records(fromSeq?: number): AsyncGenerator<CallRecord>;
}

/** Throws E_AUDIT_NO_SPOOL where the directory is none. */
export async function openSpoolReader(dir: string): Promise<SpoolReader> {
  const producer = await readProducer(dir);
  if (producer === null) {
    throw new SignalboxError("E_AUDIT_NO_SPOOL", `${dir} is not a spool directory`, { remedy: "it has a file named `producer`" });
  }

  async function* lines(fromSeq = 1): AsyncGenerator<FoundLine> {
    const files = await listSegments(dir);
    for (const [index, file] of files.entries()) {
      const next = files[index + 1];
      if (next && next.firstSeq <= fromSeq) continue;
      yield* linesOf(file, fromSeq);
    }
  }

  return {
    dir,
    producer,
    cursor: () => readCursor(dir),
    ackedAtMs: () => stat(join(dir, CURSOR_FILE)).then((file) => file.mtimeMs, () => 0),
    segments: () => listSegments(dir),
    lines,
    async *records(fromSeq = 1) {
      for await (const { record, problem, seq } of lines(fromSeq)) {
        if (!record) throw new SignalboxError("E_AUDIT_CORRUPT", `record ${callId({ producer, seq })}: ${problem}`);
        yield record;
      }
    },
  };
}

async function* linesOf(file: SegmentFile, fromSeq: number): AsyncGenerator<FoundLine> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file.path);
  } catch (error) {
    // Delivered and deleted since it was listed.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const found: Buffer[] = [];
  eachLine(bytes, (line) => void found.push(line));
  for (const [index, line] of found.entries()) {
    const seq = file.firstSeq + index;
    if (seq >= fromSeq) yield { seq, path: file.path, ...parse(line) };
  }
}

function parse(line: Buffer): { record: CallRecord | null; problem: string } {
  if (!lineHolds(line)) return { record: null, problem: "its checksum does not match" };
  try {
    return { record: JSON.parse(lineJson(line)) as CallRecord, problem: "" };
  } catch {
    return { record: null, problem: "its line is not JSON" };
  }
}
