import type { LogEntry } from "../checkpoint/entry.ts";

/**
 * Somewhere else that keeps the checkpoint log: whoever holds a copy of an entry can tell whether the log, and with it every
 * record before that entry, was rewritten afterwards.
 */
export interface Anchor {
  /** Kind and target, as figures and messages name it. */
  readonly name: string;
  /** Keeps the entries, given in the log's order. May be handed one again after it rejected, or after a crash. */
  keep(entries: readonly LogEntry[]): Promise<void>;
}

/** One line an entry, as in the log, so that a copy can be verified like the log itself. */
export const entryLines = (entries: readonly LogEntry[]): string => entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
