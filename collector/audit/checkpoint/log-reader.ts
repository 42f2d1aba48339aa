import { open } from "node:fs/promises";
import { eachLine } from "../line.ts";
import { entrySchema, type LogEntry } from "./entry.ts";

/** A line of the checkpoint log: `entry` is null where it is none. */
export interface LogLine {
  readonly entry: LogEntry | null;
  readonly text: string;
  /** Of the byte behind it. */
  readonly end: number;
}

const CHUNK_BYTES = 1024 * 1024;

/** The complete lines from byte `offset` on, in batches. A file that is not there has none. */
export async function* readLog(path: string, offset = 0): AsyncGenerator<LogLine[]> {
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (file === null) return;
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let at = offset; ; ) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, at);
      const lines: LogLine[] = [];
      const used = eachLine(buffer.subarray(0, bytesRead), (line, from) => {
        const text = line.toString("utf8");
        lines.push({ entry: parse(text), text, end: at + from + line.length + 1 });
      });
      if (lines.length === 0) return;
      at += used;
      yield lines;
    }
  } finally {
    await file.close();
  }
}

function parse(text: string): LogEntry | null {
  try {
    return entrySchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The number in an entry's id. */
export const entryIndex = (entry: Pick<LogEntry, "event_id">): number => Number(entry.event_id.slice(entry.event_id.lastIndexOf("-") + 1));

export const entryLogId = (entry: Pick<LogEntry, "event_id">): string => entry.event_id.slice(0, entry.event_id.lastIndexOf("-"));
