import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { nodeDisk, type AppendFile, type Disk } from "../../collector/audit/disk.ts";
import { readOrMakeProducer } from "../../collector/audit/layout.ts";
import { eachLine, lineHolds, lineJson } from "../../collector/audit/line.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { acquireLock } from "../../collector/kernel/lock.ts";
import { controlEntrySchema, type ControlEntry } from "./control-event.ts";

/**
 * The control journal: every event since the installation began, one line each, as the spool writes its lines (CRC-32 in
 * eight hex digits, a space, the JSON). Line n holds the entry with seq n. The directory belongs to one process:
 *
 *     journal.ndjson  the entries
 *     producer        the id of this journal, random, made once
 *     lock            who has it open
 */
const FILE = "journal.ndjson";
export const journalPath = (dir: string): string => join(dir, FILE);
/** The largest event, a tool definition, escaped as badly as can be, stays below. */
const MAX_LINE_BYTES = 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** Behind which entry, and at which byte. */
export interface JournalPosition {
  readonly seq: number;
  readonly offset: number;
}

export const journalStart: JournalPosition = { seq: 0, offset: 0 };

export interface Journal {
  readonly id: string;
  readonly path: string;
  /** What is durable. */
  readonly end: JournalPosition;
  /** The entries are durable when this resolves. After a rejection only `recover` and `close` are left. */
  append(entries: readonly ControlEntry[]): Promise<void>;
  /** Drops whatever a failed append left behind and replays what is durable. May be tried again. */
  recover(replay: (entry: ControlEntry) => void): Promise<void>;
  /** May be called twice. */
  close(): Promise<void>;
}

/**
 * Opens the journal of a directory, making both where they are missing, and replays it. A last line that a crash cut off
 * is dropped: nobody was told that it counts. Throws E_CONTROL_JOURNAL for any other damage, with its line, and E_LOCKED
 * while another process has the directory.
 */
export async function openJournal(options: { dir: string; replay: (entry: ControlEntry) => void; disk?: Disk }): Promise<Journal> {
  const { dir, disk = nodeDisk } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const release = await acquireLock(join(dir, "lock"), (owner) => {
    const remedy = "stop that one first, or choose another folder with SIGNALBOX_DATA_DIR";
    return new SignalboxError("E_LOCKED", `the control journal in ${dir} is in use by ${owner}`, { remedy });
  });
  const path = journalPath(dir);
  let file: AppendFile | null = null;
  let end = journalStart;

  /** `known` bounds what is replayed: behind it there is only what a failed append left. */
  const load = async (replay: (entry: ControlEntry) => void, known: JournalPosition | null): Promise<void> => {
    await file?.close().catch(() => {});
    file = null;
    const opened = await disk.openAppend(path);
    try {
      let position = journalStart;
      for await (const part of readEntries(path, journalStart, known?.offset)) {
        for (const entry of part.entries) replay(entry);
        position = part.position;
      }
      await opened.truncate(position.offset);
      await opened.sync();
      end = position;
      file = opened;
    } catch (error) {
      await opened.close().catch(() => {});
      throw error;
    }
  };

  try {
    const id = await readOrMakeProducer(dir, "ct");
    await load(options.replay, null);
    return {
      id,
      path,
      get end() {
        return end;
      },
      async append(entries) {
        if (file === null) throw new Error("the journal is not open");
        const bytes = Buffer.concat(entries.map(toLine));
        await file.write(bytes);
        await file.sync();
        end = { seq: entries.at(-1)?.seq ?? end.seq, offset: end.offset + bytes.length };
      },
      recover: (replay) => load(replay, end),
      async close() {
        const open = file;
        file = null;
        await open?.close();
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

function toLine(entry: ControlEntry): Buffer {
  const json = JSON.stringify(entry);
  return Buffer.from(`${crc32(json).toString(16).padStart(8, "0")} ${json}\n`);
}

/**
 * The entries behind a position, in parts of some hundred kilobytes, up to the last whole line before `toOffset`. Throws
 * E_CONTROL_JOURNAL for a line that is damaged.
 */
export async function* readEntries(
  path: string,
  from: JournalPosition,
  toOffset = Infinity,
): AsyncGenerator<{ readonly entries: readonly ControlEntry[]; readonly position: JournalPosition }> {
  const file = await open(path, "r");
  try {
    let { seq, offset } = from;
    let rest = Buffer.alloc(0);
    for (;;) {
      const wanted = Math.min(CHUNK_BYTES, toOffset - offset - rest.length);
      if (wanted <= 0) return;
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, offset + rest.length);
      if (bytesRead === 0) return;
      const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      const entries: ControlEntry[] = [];
      const used = eachLine(bytes, (line) => void entries.push(readLine(path, line, ++seq)));
      rest = bytes.subarray(used);
      if (rest.length > MAX_LINE_BYTES) throw damaged(path, seq + 1, "is longer than any entry");
      offset += used;
      if (entries.length > 0) yield { entries, position: { seq, offset } };
    }
  } finally {
    await file.close();
  }
}

function readLine(path: string, line: Buffer, seq: number): ControlEntry {
  if (!lineHolds(line)) throw damaged(path, seq, "does not match its checksum");
  let value: unknown;
  try {
    value = JSON.parse(lineJson(line));
  } catch {
    throw damaged(path, seq, "is not JSON");
  }
  const parsed = controlEntrySchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw damaged(path, seq, `is no entry that this version knows (${issue?.path.join(".")}: ${issue?.message})`);
  }
  if (parsed.data.seq !== seq) throw damaged(path, seq, `holds entry ${parsed.data.seq}`);
  return parsed.data;
}

function damaged(path: string, line: number, what: string): SignalboxError {
  return new SignalboxError("E_CONTROL_JOURNAL", `${path}:${line}: this line ${what}`, {
    remedy: "restore the file from a backup; without the entries behind this line, stops and revoked exceptions could be in force wrongly",
  });
}
