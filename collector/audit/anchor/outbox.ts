import { createHash } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { withDeadline, type Stoppable } from "../../kernel/lifecycle.ts";
import { isWorthSaying, type Logger } from "../../kernel/log.ts";
import { createWokenLoop } from "../../kernel/woken-loop.ts";
import { backoffMs } from "../backoff.ts";
import { replaceFile } from "../disk.ts";
import { readLog, entryIndex } from "../checkpoint/log-reader.ts";
import type { LogEntry } from "../checkpoint/entry.ts";
import type { Anchor } from "./anchor.ts";

const cursorSchema = z.object({
  anchor: z.string(),
  /** Of the last entry that the anchor has, and of the byte behind it in the log. */
  index: z.int().nonnegative(),
  offset: z.int().nonnegative(),
  skipped: z.int().nonnegative(),
  failures: z.int().nonnegative(),
  lastError: z.string(),
});

/** How far an anchor has the log. */
export type OutboxState = z.infer<typeof cursorSchema>;

export interface Outbox extends Stoppable {
  readonly state: OutboxState;
  /** There is more in the log. */
  wake(): void;
  /** Resolves when the anchor has what the log held at the call, or has failed to take it. */
  settled(): Promise<void>;
}

export interface OutboxOptions {
  readonly anchor: Anchor;
  readonly logFile: string;
  /** The folder of cursors. */
  readonly dir: string;
  readonly logger: Logger;
  readonly random?: () => number;
  /** Entries that may wait; of more, the oldest are skipped, because each entry vouches for all before it. */
  readonly maxWaiting?: number;
  /** Entries that are handed over together. */
  readonly batch?: number;
}

const STOP_MS = 1000;

/**
 * Brings the checkpoint log to one anchor: in order, at least once, from the log's file and not from memory, however long
 * the anchor is away. Nothing waits for it.
 */
export async function openOutbox(options: OutboxOptions): Promise<Outbox> {
  const { anchor, logFile, logger, random = Math.random, maxWaiting = 10_000, batch = 100 } = options;
  const cursorFile = join(options.dir, `${createHash("sha256").update(anchor.name).digest("hex").slice(0, 16)}.json`);
  await mkdir(dirname(cursorFile), { recursive: true, mode: 0o700 });
  let state = await readCursor(cursorFile, anchor.name, logFile);

  const move = async (next: Partial<OutboxState>): Promise<void> => {
    state = { ...state, ...next };
    await replaceFile(cursorFile, `${JSON.stringify(state)}\n`);
  };

  const skipWhatIsTooMuch = async (): Promise<void> => {
    const waiting: { index: number; end: number }[] = [];
    let dropped: { index: number; end: number } | undefined;
    let skipped = 0;
    for await (const lines of readLog(logFile, state.offset)) {
      for (const { entry, end } of lines) waiting.push({ index: entry ? entryIndex(entry) : 0, end });
      while (waiting.length > maxWaiting) {
        dropped = waiting.shift();
        skipped++;
      }
    }
    if (dropped) await move({ index: dropped.index, offset: dropped.end, skipped: state.skipped + skipped });
  };

  const bringAll = async (): Promise<void> => {
    await skipWhatIsTooMuch();
    for await (const lines of readLog(logFile, state.offset)) {
      for (let from = 0; from < lines.length && !loop.ended; from += batch) {
        const part = lines.slice(from, from + batch);
        const entries = part.map((line) => line.entry).filter((entry): entry is LogEntry => entry !== null);
        await anchor.keep(entries);
        const last = entries.at(-1);
        await move({ index: last ? entryIndex(last) : state.index, offset: part.at(-1)!.end, failures: 0, lastError: "" });
      }
    }
  };

  const loop = createWokenLoop({
    turn: bringAll,
    async failed(error) {
      const why = error instanceof Error ? error.message : String(error);
      // Counted over restarts too, which is why the loop's own count is not used.
      const failures = state.failures + 1;
      await move({ failures, lastError: why.slice(0, 500) }).catch(() => {});
      if (isWorthSaying(failures)) logger.warn({ anchor: anchor.name, failures, why }, "checkpoints could not be anchored; trying again");
      return backoffMs(failures - 1, random());
    },
  });

  loop.wake();
  return {
    get state() {
      return state;
    },
    wake: loop.wake,
    async settled() {
      loop.wake();
      await loop.settled();
    },
    async stop() {
      loop.wake();
      await withDeadline(loop.settled(), STOP_MS, `bringing checkpoints to ${anchor.name}`).catch(() => {});
      loop.end();
    },
  };
}

/** A cursor that is missing, broken or behind the log's end starts over: an entry that arrives twice does no harm. */
async function readCursor(file: string, anchor: string, logFile: string): Promise<OutboxState> {
  try {
    const state = cursorSchema.parse(JSON.parse(await readFile(file, "utf8")));
    if (state.offset <= (await stat(logFile)).size) return state;
  } catch {
    // Read as not there.
  }
  return { anchor, index: 0, offset: 0, skipped: 0, failures: 0, lastError: "" };
}
